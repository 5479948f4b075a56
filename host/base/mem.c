#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *ptr)
{
    if (!ptr) {
        fputs("perigee: out of memory\n", stderr);
        abort();
    }
    return ptr;
}

void *mem_new(size_t size) { return checked(calloc(1, size ? size : 1)); }

void *mem_grow(void *ptr, size_t size) { return checked(realloc(ptr, size ? size : 1)); }

char *mem_copy(const char *bytes, size_t len)
{
    char *copy = checked(malloc(len + 1));
    if (len) memcpy(copy, bytes, len);
    copy[len] = '\0';
    return copy;
}

char *mem_text(const char *text) { return text ? mem_copy(text, strlen(text)) : NULL; }
