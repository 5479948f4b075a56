/* Text whose UTF-8 was taken for cp1254 (or cp1252) and encoded again: "→" became "â†’".
 *
 *   sign on the page      →
 *   its UTF-8             E2 86 92
 *   read as cp1254        â  †  ’          each byte one letter; 81 8D 8E 8F 90 9D 9E have none and
 *   encoded again         C3A2 E280A0 E28099                                         are often lost
 *
 * A run of letters is put right only when its bytes form one whole UTF-8 sequence for a sign that
 * people put into such files; "voilà »" in good French stays what it is. Source of the tables:
 * Unicode's CP1254.TXT and CP1252.TXT.
 */
#include "internal.h"

#include <string.h>

typedef struct Scan {
    size_t signs, lost; /* understood; damaged beyond repair */
    size_t first;       /* offset of the first of either */
} Scan;

static void   scan(Str text, char *out, size_t *out_len, Scan *found);
static size_t sign_at(Str text, size_t at, unsigned char bytes[4], size_t *taken, bool *lost);

Status encoding_read(Reading *reading, Err *err)
{
    Definition *def = reading->def;
    Scan        whole = {0};
    scan(def->body, NULL, NULL, &whole);
    if (whole.signs == 0) return ST_OK;

    for (size_t i = 0; i < def->block_count; i++) {
        Block *block = &def->blocks[i];
        Scan   found = {0};
        scan(block->text, NULL, NULL, &found);
        if (found.signs == 0) continue;
        char  *out = arena_alloc(&def->arena, block->text.len + 1);
        size_t len = 0;
        if (!out) return arena_full(err);
        scan(block->text, out, &len, &found);
        block->clean = (Str){out, len};
    }
    Place place =
        place_at(reading->text, (size_t)(def->body.ptr - reading->text.ptr) + whole.first);
    note_add(reading, NOTE_WARNING, "encoding", place,
             "the file's UTF-8 was read as a Windows code page and encoded again: %zu signs are "
             "understood, %zu are damaged and stay as they are; the prompt is sent as it stands",
             whole.signs, whole.lost);
    return ST_OK;
}

/* Walks text; writes it with signs put right to `out` unless that is NULL (never longer than text).
 */
static void scan(Str text, char *out, size_t *out_len, Scan *found)
{
    *found = (Scan){0};
    for (size_t at = 0; at < text.len;) {
        if ((unsigned char)text.ptr[at] < 0x80) { /* no code page shows a byte of a sign as ASCII */
            if (out) out[(*out_len)++] = text.ptr[at];
            at++;
            continue;
        }
        unsigned char bytes[4];
        size_t        taken = 1;
        bool          lost = false;
        size_t        len = sign_at(text, at, bytes, &taken, &lost);
        if (len || lost) {
            if (found->signs + found->lost == 0) found->first = at;
            found->signs += len > 0;
            found->lost += lost;
        }
        if (out)
            memcpy(out + *out_len, len ? (const char *)bytes : text.ptr + at, len ? len : taken);
        if (out) *out_len += len ? len : taken;
        at += taken;
    }
}

/* Decodes the code point at `at` of valid UTF-8. */
static uint32_t point_at(Str text, size_t at, size_t *len)
{
    const unsigned char *s = (const unsigned char *)text.ptr + at;
    *len = s[0] < 0x80 ? 1 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
    uint32_t point = *len == 1 ? s[0] : s[0] & (0x7FU >> *len);
    for (size_t i = 1; i < *len; i++) point = point << 6 | (s[i] & 0x3F);
    return point;
}

/* The byte that a code page shows as this letter; 0 when there is none above 7F. */
static unsigned char page_byte(uint32_t point)
{
    static const uint16_t UPPER[32] = {
        0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
        0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
        0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178,
    };
    static const struct {
        uint16_t      point;
        unsigned char byte;
    } TURKISH[] = {{0x11E, 0xD0}, {0x130, 0xDD}, {0x15E, 0xDE},
                   {0x11F, 0xF0}, {0x131, 0xFD}, {0x15F, 0xFE}};
    if (point >= 0x80 && point <= 0xFF) return (unsigned char)point;
    for (unsigned i = 0; i < 32; i++)
        if (UPPER[i] == point && point) return (unsigned char)(0x80 + i);
    for (unsigned i = 0; i < sizeof TURKISH / sizeof *TURKISH; i++)
        if (TURKISH[i].point == point) return TURKISH[i].byte;
    return 0;
}

/* Punctuation, arrows, symbols, emoji with their selectors, and Latin letters; no Braille, which
 * good French would spell by accident ("â", no-break space, "»"). */
static bool plausible(uint32_t p)
{
    return (p >= 0xA0 && p <= 0x17F) || (p >= 0x2000 && p <= 0x27FF) ||
           (p >= 0x2900 && p <= 0x2BFF) || (p >= 0x3000 && p <= 0x303F) ||
           (p >= 0xFE00 && p <= 0xFE0F) || p == 0xFEFF || (p >= 0x1F000 && p <= 0x1FAFF);
}

/* Length of the sign whose encoding was encoded again at `at`, its UTF-8 in `bytes`; 0 when there
 * is none. *taken is how far to go on; *lost says that there was one and a byte of it is gone. */
static size_t sign_at(Str text, size_t at, unsigned char bytes[4], size_t *taken, bool *lost)
{
    size_t        step, used;
    unsigned char lead = page_byte(point_at(text, at, &step));
    *taken = step;
    size_t need = lead >= 0xF0 && lead <= 0xF4 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 0;
    if (need == 0 || lead > 0xF4) return 0;
    bytes[0] = lead;
    size_t have = 1;
    for (used = step; have < need && at + used < text.len; used += step) {
        unsigned char byte = page_byte(point_at(text, at + used, &step));
        if (byte < 0x80 || byte > 0xBF) break;
        bytes[have++] = byte;
    }
    Str sequence = {(const char *)bytes, need};
    if (have == need && str_utf8_valid_len(sequence) == need &&
        plausible(point_at(sequence, 0, &step))) {
        *taken = used;
        return need;
    }
    /* Only leads of emoji and their selector are beyond doubt as remains of a sign. */
    *lost = have < need && have >= 2 && (lead == 0xF0 || (lead == 0xEF && bytes[1] == 0xB8));
    return 0;
}
