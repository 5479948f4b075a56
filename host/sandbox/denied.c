#include "denied.h"

#include "../base/mem.h"

#include <stdlib.h>
#include <string.h>

void denied_add(DeniedList *list, const char *what, const char *name, const char *why)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i].what, what) == 0 && strcmp(list->items[i].name, name) == 0 &&
            strcmp(list->items[i].why, why) == 0)
            return;
    if (list->count == DENIED_MAX) {
        list->more++;
        return;
    }
    list->items = mem_grow(list->items, (list->count + 1) * sizeof *list->items);
    list->items[list->count++] = (Denied){what, mem_text(name), mem_text(why)};
}

void denied_take(DeniedList *to, DeniedList *from)
{
    for (size_t i = 0; i < from->count; i++)
        denied_add(to, from->items[i].what, from->items[i].name, from->items[i].why);
    to->more += from->more;
    denied_clear(from);
}

void denied_clear(DeniedList *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].name);
        free(list->items[i].why);
    }
    free(list->items);
    *list = (DeniedList){0};
}
