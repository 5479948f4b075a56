/* require "lib.rank": which of some texts fit a few words best. Pure: texts in, scores out. */
#include "lib_guard.h"

#include "../store/rank.h"

/* A list of texts at `index`; raises what is wrong with it. Returns how many there are. */
static size_t check_texts(lua_State *L, int index, const char *what, size_t most, size_t longest)
{
    index = lua_absindex(L, index);
    if (!lua_istable(L, index))
        luaL_error(L, "rank.scores: %s: a list of text, got %s", what, luaL_typename(L, index));
    size_t count = lua_rawlen(L, index);
    if (count > most) luaL_error(L, "rank.scores: %s: more than %d", what, (int)most);
    for (size_t i = 1; i <= count; i++) {
        if (lua_rawgeti(L, index, (lua_Integer)i) != LUA_TSTRING)
            luaL_error(L, "rank.scores: %s[%d] is %s; it should be text", what, (int)i,
                       luaL_typename(L, -1));
        if (lua_rawlen(L, -1) > longest)
            luaL_error(L, "rank.scores: %s[%d] is longer than %d bytes", what, (int)i,
                       (int)longest);
        lua_pop(L, 1);
    }
    return count;
}

/* The texts of a checked list; they stay where they are, in the table. */
static void read_texts(lua_State *L, int index, Str *out, size_t count)
{
    index = lua_absindex(L, index);
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, index, (lua_Integer)i + 1);
        out[i].ptr = lua_tolstring(L, -1, &out[i].len);
        lua_pop(L, 1);
    }
}

static size_t check_weights(lua_State *L, int index, double *out, size_t most)
{
    luaL_checktype(L, index, LUA_TTABLE);
    size_t count = lua_rawlen(L, index);
    if (count == 0 || count > most) luaL_error(L, "rank.scores: from 1 to %d weights", (int)most);
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, index, (lua_Integer)i + 1);
        out[i] = lua_tonumber(L, -1);
        if (!(out[i] > 0)) luaL_error(L, "rank.scores: weight %d is not above 0", (int)i + 1);
        lua_pop(L, 1);
    }
    return count;
}

/* Checks the list of texts, each a list of fields. */
static size_t check_all(lua_State *L, int index, size_t fields)
{
    luaL_checktype(L, index, LUA_TTABLE);
    size_t count = lua_rawlen(L, index);
    if (count > LIMIT_CATALOG) luaL_error(L, "rank.scores: more than %d texts", LIMIT_CATALOG);
    for (size_t i = 1; i <= count; i++) {
        lua_rawgeti(L, index, (lua_Integer)i);
        if (check_texts(L, -1, "a text", fields, LIMIT_RANK) != fields)
            luaL_error(L, "rank.scores: text %d has other fields than the weights say", (int)i);
        lua_pop(L, 1);
    }
    return count;
}

/* Nothing in here raises. */
static Status score(lua_State *L, Rank *rank, size_t texts, size_t fields, const RankWord *words,
                    size_t word_count, RankHit *hits, Err *err)
{
    Str    parts[RANK_FIELDS_MAX];
    Status status = ST_OK;
    for (size_t i = 1; i <= texts && status == ST_OK; i++) {
        lua_rawgeti(L, 2, (lua_Integer)i);
        read_texts(L, -1, parts, fields);
        lua_pop(L, 1);
        status = rank_add(rank, parts, err);
    }
    return status == ST_OK ? rank_score(rank, words, word_count, hits, err) : status;
}

static void push_hit(lua_State *L, const RankHit *hit, const RankWord *words, size_t count)
{
    lua_createtable(L, 0, 2);
    lua_pushnumber(L, hit->score);
    lua_setfield(L, -2, "score");
    lua_newtable(L);
    for (size_t i = 0; i < count; i++) {
        if (!(hit->words >> i & 1)) continue;
        lua_pushlstring(L, words[i].text.ptr, words[i].text.len);
        lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    }
    lua_setfield(L, -2, "words");
}

/* The checked words with their weights at `index`; without any each counts 1. */
static void read_words(lua_State *L, int index, RankWord *out, size_t count)
{
    Str    texts[RANK_WORDS_MAX];
    double weights[RANK_WORDS_MAX];
    bool   weighed = count > 0 && !lua_isnoneornil(L, index);
    if (weighed && check_weights(L, index, weights, RANK_WORDS_MAX) != count)
        luaL_error(L, "rank.scores: %d words have other weights than that", (int)count);
    read_texts(L, 1, texts, count);
    for (size_t i = 0; i < count; i++)
        out[i] = (RankWord){.text = texts[i], .weight = weighed ? weights[i] : 1};
}

/* rank.scores(words, texts, weights of fields[, weights of words]) -> { { score, words }, ... } in
 * the order of the texts */
static int scores(lua_State *L)
{
    RankWord words[RANK_WORDS_MAX];
    double   weights[RANK_FIELDS_MAX];
    Rank    *rank;
    Err      err;
    lua_settop(L, 4);
    luaL_checkstack(L, 10, "rank.scores");
    size_t word_count = check_texts(L, 1, "words", RANK_WORDS_MAX, RANK_WORD_MAX);
    size_t fields = check_weights(L, 3, weights, RANK_FIELDS_MAX);
    size_t texts = check_all(L, 2, fields);
    read_words(L, 4, words, word_count);
    RankHit *hits = lua_newuserdatauv(L, (texts + 1) * sizeof *hits, 0);
    err_clear(&err);
    Status status = rank_new(weights, fields, &rank, &err);
    if (status == ST_OK) {
        status = score(L, rank, texts, fields, words, word_count, hits, &err);
        rank_free(rank);
    }
    if (status != ST_OK) return luaL_error(L, "%s", err.text);
    lua_createtable(L, (int)texts, 0);
    for (size_t i = 0; i < texts; i++) {
        push_hit(L, &hits[i], words, word_count);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

int rank_open(lua_State *L)
{
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, scores);
    lua_setfield(L, -2, "scores");
    return 1;
}
