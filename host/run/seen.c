#include "seen.h"

#include "../base/mem.h"

#include <stdlib.h>
#include <string.h>

void seen_clear(Seen *seen)
{
    for (size_t i = 0; i < seen->count; i++) {
        free(seen->files[i].path);
        free(seen->files[i].content);
    }
    free(seen->files);
    memset(seen, 0, sizeof *seen);
}

static SeenFile *find(const Seen *seen, const char *path)
{
    for (size_t i = 0; i < seen->count; i++)
        if (strcmp(seen->files[i].path, path) == 0) return &seen->files[i];
    return NULL;
}

const SeenFile *seen_find(const Seen *seen, const char *path) { return find(seen, path); }

static void drop_content(Seen *seen, SeenFile *file)
{
    if (file->content) seen->kept -= file->len;
    free(file->content);
    file->content = NULL;
    file->len = 0;
}

/* The file that was seen longest ago; with `content`, of those whose content is kept. */
static SeenFile *oldest(const Seen *seen, bool content)
{
    SeenFile *found = NULL;
    for (size_t i = 0; i < seen->count; i++) {
        SeenFile *file = &seen->files[i];
        if (content && !file->content) continue;
        if (!found || file->at < found->at) found = file;
    }
    return found;
}

static SeenFile *new_file(Seen *seen, const char *path)
{
    SeenFile *file;
    if (seen->count < SEEN_FILES_MAX) {
        seen->files = mem_grow(seen->files, (seen->count + 1) * sizeof *seen->files);
        file = &seen->files[seen->count++];
    } else {
        file = oldest(seen, false);
        drop_content(seen, file);
        free(file->path);
    }
    memset(file, 0, sizeof *file);
    file->path = mem_text(path);
    return file;
}

static SeenFile *note(Seen *seen, const char *path, const char *hash)
{
    SeenFile *file = find(seen, path);
    if (!file) file = new_file(seen, path);
    memcpy(file->hash, hash, sizeof file->hash);
    file->at = ++seen->clock;
    drop_content(seen, file);
    return file;
}

void seen_note(Seen *seen, const char *path, const char *hash) { (void)note(seen, path, hash); }

void seen_put(Seen *seen, const char *path, const char *hash, Str content)
{
    SeenFile *file = note(seen, path, hash);
    if (content.len > SEEN_FILE_MOST) return;
    while (seen->kept + content.len > SEEN_CONTENT_MOST) drop_content(seen, oldest(seen, true));
    file->content = mem_copy(content.ptr ? content.ptr : "", content.len);
    file->len = content.len;
    seen->kept += content.len;
}
