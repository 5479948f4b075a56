/* From HTML to Markdown: tables of what stands in a page and what a model reads. */
#include "../../host/base/mem.h"
#include "../../host/page/page.h"
#include "tap.h"

static const char HERE[] = "https://example.org/docs/page.html?q=1";

/* The Markdown of `html`; free it. The title is kept for a look. */
static char title[LIMIT_PAGE_TITLE + 1];

static char *read_at(const char *html, size_t len, const char *url)
{
    Page page;
    Err  err;
    page_init(&page);
    CHECK_INT(page_markdown((Str){html, len}, str_from(url), &page, &err), ST_OK);
    CHECK_INT(str_utf8_valid_len(buf_str(&page.text)), page.text.len);
    snprintf(title, sizeof title, "%s", page.title.ptr);
    char *text = buf_steal(&page.text, NULL);
    page_clear(&page);
    return text;
}

static void check_page(const char *html, const char *want)
{
    char *text = read_at(html, strlen(html), HERE);
    CHECK_TEXT(text, want);
    free(text);
}

typedef struct Case {
    const char *html, *text;
} Case;

static void check_all(const Case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) check_page(cases[i].html, cases[i].text);
}
#define CHECK_ALL(cases) check_all(cases, sizeof(cases) / sizeof *(cases))

TEST(words_and_marks)
{
    static const Case CASES[] = {
        {"", ""},
        {"  \n\t ", ""},
        {"plain", "plain\n"},
        {"a\n  b\t\tc&nbsp; d", "a b c d\n"},
        {"<p>one<p>two", "one\n\ntwo\n"},
        {"a<br>b<br><br>c", "a\nb\nc\n"},
        {"&lt;b&gt; &amp;amp; &#8364; &eacute;", "<b> &amp; \u20ac \u00e9\n"},
        {"x <b>bold</b> y", "x **bold** y\n"},
        {"x<b> bold </b>y", "x **bold** y\n"},
        {"<strong><b>once</b></strong>", "**once**\n"},
        {"<em>a</em><i> b</i>", "*a* *b*\n"},
        {"<b></b><i> </i>x", "x\n"},
        {"<b>over <p>blocks</b> on", "**over**\n\n**blocks** on\n"},
        {"<del>old</del> <q>said</q>", "~~old~~ \u201csaid\u201d\n"},
        {"use <code>a  b</code>", "use `a  b`\n"},
        {"<code>a`b</code>", "``a`b``\n"},
        {"<code> </code>x", "x\n"},
        {"<ruby>\u6f22<rt>kan</ruby>", "\u6f22(kan)\n"},
        {"<math alttext='x^2'><mi>x</mi></math>", "$x^2$\n"},
    };
    CHECK_ALL(CASES);
}

TEST(blocks)
{
    static const Case CASES[] = {
        {"<h1>A <b>B</b><br>C</h1>text<h6>low</h6>", "# A B C\n\ntext\n\n###### low\n"},
        {"<div>a<div>b</div>c</div>", "a\n\nb\n\nc\n"},
        {"a<hr>b", "a\n\n---\n\nb\n"},
        {"<ul><li>a<li>b</ul>c", "- a\n- b\n\nc\n"},
        {"t<ol start=9><li>a<li>b</ol>", "t\n\n9. a\n10. b\n"},
        {"<ul><li>a<ul><li>b<li>c</ul><li>d</ul>", "- a\n  - b\n  - c\n- d\n"},
        {"<ul><li><p>a<p>b<li>c</ul>", "- a\n\n  b\n- c\n"},
        {"<ul><li></li><li>x</ul>", "- x\n"},
        {"<ul><li><ul><li>x</ul></ul>", "- - x\n"},
        {"<blockquote>a<p>b</blockquote>c", "> a\n>\n> b\n\nc\n"},
        {"<blockquote><ul><li>a<li>b</ul></blockquote>", "> - a\n> - b\n"},
        {"<ul><li><blockquote>q</blockquote></ul>", "- > q\n"},
        {"<dl><dt>T<dd>one<dd>two</dl>x", "**T**\n: one\n: two\n\nx\n"},
        {"<details><summary>S</summary>in</details>", "**S**\nin\n"},
        {"<pre>\na\n\tb &lt;\n\n</pre>x", "```\na\n\tb <\n```\n\nx\n"},
        {"<pre class='x language-c'>a</pre>", "```c\na\n```\n"},
        {"<pre><code class=language-lua>a</code></pre>", "```lua\na\n```\n"},
        {"<pre>```</pre>", "````\n```\n````\n"},
        {"<ul><li>a<pre>b\nc</pre></ul>", "- a\n\n  ```\n  b\n  c\n  ```\n"},
        {"<pre>a<br>b</pre>", "```\na\nb\n```\n"},
    };
    CHECK_ALL(CASES);
}

TEST(tables)
{
    static const Case CASES[] = {
        {"<table><tr><th>A<th>B<tr><td>1<td>2</table>", "| A | B |\n| --- | --- |\n| 1 | 2 |\n"},
        {"<table><tr><td>a|b<td><b>x</b><br>y</table>", "| a\\|b | **x** y |\n| --- | --- |\n"},
        {"<table><tr><td colspan=2>t<tr><td>1<td>2</table>",
         "| t |  |\n| --- | --- |\n| 1 | 2 |\n"},
        {"<table><tr><td rowspan=2>a<td>b<tr><td>c</table>",
         "| a | b |\n| --- | --- |\n|  | c |\n"},
        {"<table><tr><td>a<td>b<tr><td>c</table>", "| a | b |\n| --- | --- |\n| c |  |\n"},
        {"<table><caption>C</caption><tr><td>a<td>b</table>", "C\n\n| a | b |\n| --- | --- |\n"},
        {"<table><tr><td>only</table>", "only\n"},
        {"<table role=presentation><tr><td>a<td>b</table>", "a\n\nb\n"},
        {"<table><tr><td><table><tr><td>1<td>2</table><td>x</table>",
         "| 1 | 2 |\n| --- | --- |\n\nx\n"},
        {"<table><tr><td colspan=999999999>a<td>b</table>", NULL},
        {"<table><tr><td rowspan=-7 colspan=x>a<td>b</table>", "| a | b |\n| --- | --- |\n"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        if (CASES[i].text) check_page(CASES[i].html, CASES[i].text);
    char *wide = read_at(CASES[9].html, strlen(CASES[9].html), HERE);
    CHECK(strlen(wide) < 1000); /* as many columns as are taken */
    free(wide);
}

TEST(links_are_absolute)
{
    static const Case CASES[] = {
        {"<a href=a.html>x</a>", "[x](https://example.org/docs/a.html)\n"},
        {"<a href=/a>x</a>", "[x](https://example.org/a)\n"},
        {"<a href=../../../a>x</a>", "[x](https://example.org/a)\n"},
        {"<a href='./b/./c/../d'>x</a>", "[x](https://example.org/docs/b/d)\n"},
        {"<a href='?p=2'>x</a>", "[x](https://example.org/docs/page.html?p=2)\n"},
        {"<a href='//other.org'>x</a>", "[x](https://other.org/)\n"},
        {"<a href='HTTP://Other.org/A#f'>x</a>", "[x](HTTP://Other.org/A#f)\n"},
        {"<a href=' a\n b\t(c) '>x</a>", "[x](https://example.org/docs/a%20b%28c%29)\n"},
        {"<a href='\\\\other.org\\a?b\\c'>x</a>", "[x](https://other.org/a?b%5Cc)\n"},
        {"<a href=mailto:a@b.org>x</a>", "[x](mailto:a@b.org)\n"},
        {"<a href=#top>x</a>", "x\n"},
        {"<a href=''>x</a>", "x\n"},
        {"<a name=x>x</a>", "x\n"},
        {"<a href='javascript:alert(1)'>x</a>", "x\n"},
        {"<a href=' java\nscript:alert(1)'>x</a>", "x\n"},
        {"<a href='data:text/html,x'>x</a>", "x\n"},
        {"<a href=http:x>x</a>", "x\n"},
        {"<a href=a></a>x", "x\n"},
        {"<a href=a><div>x</div>y</a>", "[x](https://example.org/docs/a)\n\n"
                                        "[y](https://example.org/docs/a)\n"},
        {"<base href=/b/><base href=/c/><a href=x>x</a>", "[x](https://example.org/b/x)\n"},
        {"<base href='javascript:0'><a href=x>x</a>", "[x](https://example.org/docs/x)\n"},
        {"<img src=a.png alt=' A [b] '>", "![A |b|](https://example.org/docs/a.png)\n"},
        {"<img src=a.png>x<img src=a.png alt=''>", "x\n"},
        {"<img src='data:image/png;base64,AAAA' alt=A>", "![A]()\n"},
    };
    CHECK_ALL(CASES);
    char *text = read_at("<a href=/a>x</a> <a href=http://o.org/b>y</a>", 45, "");
    CHECK_TEXT(text, "x [y](http://o.org/b)\n"); /* from nowhere */
    free(text);
}

TEST(what_is_around_a_page_is_left_out)
{
    static const Case CASES[] = {
        {"<title> A\n B </title>x", "x\n"},
        {"<script>a</script><style>b</style><template>c</template>x<svg><text>d</text></svg>",
         "x\n"},
        {"<nav>menu</nav><header>site</header>words<footer>f</footer><aside>ad</aside>", "words\n"},
        {"<article><header>h</header>text that is long<footer>f</footer></article>",
         "h\n\ntext that is long\n\nf\n"},
        {"<div role=navigation>menu</div>words<button>b</button>", "words\n"},
        {"<p hidden>a</p><p aria-hidden=TRUE>b</p><p style='color:red; DISPLAY : none'>c</p>x",
         "x\n"},
        {"<p style='visibility:hidden'>c</p>x", "x\n"},
        {"<div>teaser</div><main>the text of it</main>", "the text of it\n"},
        {"<div>teaser</div><div role=main>the text of it</div>", "the text of it\n"},
        {"<main>.</main><div>all the text stands outside</div>",
         ".\n\nall the text stands outside\n"},
        {"<div>one</div><article>the only article</article>", "the only article\n"},
        {"<article>one</article><article>two</article>", "one\n\ntwo\n"},
        {"<article>one<article>a comment</article></article>", "one\n\na comment\n"},
        {"<nav>a page that is nothing but a menu</nav>.",
         "a page that is nothing but a menu\n\n.\n"},
        {"<body><noscript>switch it on</noscript>", "switch it on\n"},
        {"<p>a text that is long<noscript>switch it on</noscript>", "a text that is long\n"},
        {"<frameset><frame src=a></frameset>", ""},
    };
    CHECK_ALL(CASES);
    check_page("<title> A\n B&amp;<b> </title>x", "x\n");
    CHECK_TEXT(title, "A B&<b>");
}

/* Control characters are errors in HTML, and the parser has U+FFFD for them. */
TEST(what_nobody_would_see_is_not_read_either)
{
    check_page("a\x1b[31mb", "a\uFFFD[31mb\n");
    check_page("a\U000E0041\U000E0042z", "az\n"); /* letters of the tags */
    check_page("<pre>a\U000E0041b</pre>", "```\nab\n```\n");
    check_page("<code>a\U000E0041b</code>", "`ab`\n");
}

TEST(bytes_that_are_no_text_do_no_harm)
{
    char *text = read_at("a\0b\xff\xfe\xc3(\xe2\x82", 9, HERE);
    CHECK(strlen(text) > 4);
    free(text);
    check_page("<p>a</div></span></p></p>b<table>c<tr>d", "a\n\nbcd\n");
    check_page("<a href='x'", "");
    check_page("<!--", "");
}

/* Recursion ends where structure is not kept any more; the text is. */
TEST(a_page_may_nest_as_deep_as_it_likes)
{
    static const char *const TAGS[] = {"<div>", "<ul><li>",   "<blockquote>", "<table><tr><td>",
                                       "<b>",   "<a href=x>", "<span>"};
    for (size_t i = 0; i < sizeof TAGS / sizeof TAGS[0]; i++) {
        size_t len = strlen(TAGS[i]), count = 3000;
        char  *html = mem_new(len * count + 8);
        for (size_t k = 0; k < count; k++) memcpy(html + k * len, TAGS[i], len);
        memcpy(html + len * count, "deep", 5);
        char *text = read_at(html, strlen(html), HERE);
        CHECK(strstr(text, "deep") != NULL);
        CHECK(strlen(text) < 100000);
        free(text);
        free(html);
    }
}

/* Formatting that is never closed is opened again in each paragraph: n elements become n * n. */
TEST(a_page_that_grows_while_it_is_read_ends_at_a_limit)
{
    Buf  html;
    Page page;
    Err  err;
    buf_init(&html, 4 * MB);
    for (int i = 0; i < 3000; i++)
        if (buf_printf(&html, &err, "<b id=%d><p>", i) != ST_OK) abort();
    page_init(&page);
    CHECK_INT(page_markdown(buf_str(&html), str_from(HERE), &page, &err), ST_LIMIT);
    CHECK(strstr(err.text, "too large") != NULL);
    page_clear(&page);
    buf_clear(&html);
}

TEST(of_a_page_whose_tree_is_too_large_the_beginning_is_read)
{
    Buf  html;
    Page page;
    Err  err;
    buf_init(&html, 8 * MB);
    while (html.len < 6 * MB)
        if (buf_append(&html, STR("<i>11</i>"), &err) != ST_OK) abort();
    page_init(&page);
    CHECK_INT(page_markdown(buf_str(&html), str_from(HERE), &page, &err), ST_OK);
    CHECK(page.cut);
    CHECK(strstr(page.text.ptr, "11") != NULL);
    page_clear(&page);
    buf_clear(&html);
}

TEST(text_beyond_its_limit_is_cut_and_said_to_be)
{
    Buf  html;
    Page page;
    Err  err;
    char base[6000];
    memset(base, 'a', sizeof base - 1);
    base[sizeof base - 1] = '\0';
    buf_init(&html, 4 * MB);
    if (buf_printf(&html, &err, "<base href='/%s/'>", base) != ST_OK) abort();
    for (int i = 0; i < 3000; i++) /* a few bytes each, and six thousand once it is absolute */
        if (buf_printf(&html, &err, "<a href=x>y</a> ") != ST_OK) abort();
    page_init(&page);
    CHECK_INT(page_markdown(buf_str(&html), str_from(HERE), &page, &err), ST_OK);
    CHECK(page.cut);
    CHECK(page.text.len <= LIMIT_PAGE);
    page_clear(&page);
    buf_clear(&html);
}

int main(void) { return tap_run(); }
