/* journal_sql -- a journal as text that people can read and a repository can keep.
 *
 * Use     journal_sql dump FILE >TEXT      tables, rows in the order of their making, versions
 *         journal_sql run FILE <TEXT       what TEXT says, wholly or not at all; makes a missing
 * FILE Form    One statement a line, but for texts of several lines, which stand as they are. A
 * text that is kept as bytes is written as CAST('...' AS BLOB); what is no UTF-8 is refused. */
#include "../../host/base/buf.h"
#include "../../host/base/str.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sqlite3 *db;

static void check(int rc)
{
    if (rc == SQLITE_OK || rc == SQLITE_DONE || rc == SQLITE_ROW) return;
    fprintf(stderr, "journal_sql: %s\n", sqlite3_errmsg(db));
    exit(1);
}

static sqlite3_stmt *query(const char *sql)
{
    sqlite3_stmt *statement;
    check(sqlite3_prepare_v2(db, sql, -1, &statement, NULL));
    return statement;
}

static void print_quoted(const unsigned char *text, int len)
{
    Str whole = {(const char *)text, (size_t)len};
    if (str_utf8_valid_len(whole) != whole.len || memchr(text, 0, (size_t)len)) {
        fprintf(stderr, "journal_sql: a text that is no plain UTF-8\n");
        exit(1);
    }
    putchar('\'');
    for (int i = 0; i < len; i++) {
        if (text[i] == '\'') putchar('\'');
        putchar(text[i]);
    }
    putchar('\'');
}

static void print_value(sqlite3_stmt *row, int column)
{
    int type = sqlite3_column_type(row, column);
    if (type == SQLITE_NULL) {
        fputs("NULL", stdout);
    } else if (type == SQLITE_INTEGER) {
        printf("%lld", sqlite3_column_int64(row, column));
    } else {
        const void *text = sqlite3_column_blob(row, column);
        if (type == SQLITE_BLOB) fputs("CAST(", stdout);
        print_quoted(text ? text : "", sqlite3_column_bytes(row, column));
        if (type == SQLITE_BLOB) fputs(" AS BLOB)", stdout);
    }
}

static void print_rows(const char *table)
{
    char sql[200];
    snprintf(sql, sizeof sql, "SELECT * FROM %s ORDER BY rowid", table);
    sqlite3_stmt *row = query(sql);
    while (sqlite3_step(row) == SQLITE_ROW) {
        printf("INSERT INTO %s VALUES(", table);
        for (int i = 0; i < sqlite3_column_count(row); i++) {
            if (i > 0) putchar(',');
            print_value(row, i);
        }
        puts(");");
    }
    check(sqlite3_finalize(row));
}

static void print_number(const char *pragma)
{
    char sql[64];
    snprintf(sql, sizeof sql, "PRAGMA %s", pragma);
    sqlite3_stmt *row = query(sql);
    check(sqlite3_step(row));
    printf("PRAGMA %s=%lld;\n", pragma, sqlite3_column_int64(row, 0));
    check(sqlite3_finalize(row));
}

static void dump(void)
{
    sqlite3_stmt *made = query("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL"
                               " AND name NOT LIKE 'sqlite%' ORDER BY rowid");
    while (sqlite3_step(made) == SQLITE_ROW) printf("%s;\n", sqlite3_column_text(made, 2));
    sqlite3_reset(made);
    while (sqlite3_step(made) == SQLITE_ROW)
        if (strcmp((const char *)sqlite3_column_text(made, 0), "table") == 0)
            print_rows((const char *)sqlite3_column_text(made, 1));
    check(sqlite3_finalize(made));
    sqlite3_stmt *counted = query("SELECT 1 FROM sqlite_schema WHERE name='sqlite_sequence'");
    if (sqlite3_step(counted) == SQLITE_ROW) {
        puts("DELETE FROM sqlite_sequence;"); /* what the rows above counted */
        print_rows("sqlite_sequence");
    }
    check(sqlite3_finalize(counted));
    print_number("application_id");
    print_number("user_version");
}

static void run_text(void)
{
    Buf  text;
    Err  err;
    char part[65536];
    buf_init(&text, 64u << 20);
    for (size_t got; (got = fread(part, 1, sizeof part, stdin)) > 0;)
        if (buf_append(&text, (Str){part, got}, &err) != ST_OK) exit(1);
    check(sqlite3_exec(db, "BEGIN", NULL, NULL, NULL));
    check(sqlite3_exec(db, text.ptr, NULL, NULL, NULL));
    check(sqlite3_exec(db, "COMMIT; PRAGMA journal_mode=WAL", NULL, NULL, NULL));
    buf_clear(&text);
}

int main(int argc, char **argv)
{
    if (argc != 3 || (strcmp(argv[1], "dump") && strcmp(argv[1], "run"))) {
        fprintf(stderr, "usage: journal_sql dump|run FILE\n");
        return 2;
    }
    check(sqlite3_open(argv[2], &db));
    if (strcmp(argv[1], "dump") == 0)
        dump();
    else
        run_text();
    check(sqlite3_close(db));
    return 0;
}
