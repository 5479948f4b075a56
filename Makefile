# Perigee. `make help` lists the verbs.
# MODE=release|asan|tsan|cover|fuzz chooses how; V=1 shows whole command lines.

MODE   ?= release
PREFIX ?= /usr/local
V      ?=

B   := build/$(MODE)
Q   := $(if $(V),,@)
say  = $(if $(V),@:,@printf '  %-6s %s\n')

# -- what is built ---------------------------------------------------------------------------------
# A folder is a room; a new file needs no line here. jail*.c is the sandbox helper, a program of its
# own; wire*.c (the plan's format) belongs to both; filter.c and shipped_gen.c run at build time only.
# page_main.c with cell.c is the reader of pages, the third program.
HELPER_SRC := $(wildcard host/sandbox/jail*.c host/sandbox/wire*.c)
FILTER_SRC := $(wildcard host/sandbox/filter*.c)
CELL_SRC   := host/sandbox/cell.c
SHIP_SRC   := host/script/shipped.c
SHIP_GEN   := host/script/shipped_gen.c
LIB_SRC    := $(filter-out $(wildcard host/sandbox/jail*.c) $(FILTER_SRC) $(CELL_SRC) $(SHIP_SRC) $(SHIP_GEN),$(wildcard host/*/*.c))
LIB_OBJ    := $(LIB_SRC:%.c=$(B)/%.o)
PAGE_SRC   := host/page_main.c $(CELL_SRC) $(filter-out host/page/reader.c,$(wildcard host/page/*.c)) \
              $(addprefix host/base/,arena.c buf.c fault.c mem.c status.c str.c)
PAGE_OBJ   := $(PAGE_SRC:%.c=$(B)/page/%.o)
HELPER_OBJ := $(HELPER_SRC:%.c=$(B)/helper/%.o)
UNIT_BIN   := $(patsubst tests/%.c,$(B)/tests/%,$(wildcard tests/unit/*_test.c))
FUZZ_BIN   := $(patsubst tests/%.c,$(B)/tests/%,$(wildcard tests/fuzz/*_fuzz.c))
BENCH_BIN  := $(patsubst tests/%.c,$(B)/tests/%,$(wildcard tests/bench/*.c))
SUPPORT_BIN := $(patsubst tests/%.c,$(B)/tests/%,$(wildcard tests/support/*.c))
FAULTS     := $(addprefix tests/faults/,resume_on_bad_disks.t resume_at_random.t resume.t sweep) # the longest first

# -- how -------------------------------------------------------------------------------------------
PKGS := lua5.4 lua5.4-cjson libuv libcurl yaml-0.1 libcmark sqlite3 jansson libmd
PAGE_PKGS := gumbo # of perigee-page, and of tests

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wmissing-prototypes -Wswitch-enum \
        -Wstrict-prototypes -Wformat=2 -Wvla
# -Wswitch-enum wants every member named even beside a default: a new Status must be looked at.

HARDEN := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
FLAGS_release := -O2 $(HARDEN)
FLAGS_asan    := -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined \
                 -fno-omit-frame-pointer -DPERIGEE_FAULTS
FLAGS_tsan    := -O1 -fsanitize=thread -DPERIGEE_FAULTS
FLAGS_cover   := -O0 --coverage -DPERIGEE_FAULTS
FLAGS_fuzz    := -O1 -fsanitize=fuzzer-no-link,address,undefined -DPERIGEE_FAULTS
LDFLAGS_release := -pie -Wl,-z,relro,-z,now
LDFLAGS_asan    := -fsanitize=address,undefined
LDFLAGS_tsan    := -fsanitize=thread
LDFLAGS_cover   := --coverage
LDFLAGS_fuzz    := -fsanitize=address,undefined
ifeq ($(MODE),fuzz)
CC := clang
endif

CFLAGS  ?= -g
ALL_CFLAGS  = -std=c11 -D_GNU_SOURCE $(WARN) $(FLAGS_$(MODE)) $(CFLAGS) -MMD -MP \
              -DPERIGEE_SHARE='"$(PREFIX)/share/perigee"' \
              $(shell pkg-config --cflags $(PKGS) $(PAGE_PKGS) 2>/dev/null)
ALL_LIBS    = $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lpthread -lm
ALL_LDFLAGS = $(LDFLAGS_$(MODE)) $(LDFLAGS)
# The helper is small, static and never sanitised: it runs between the namespaces.
HELPER_CFLAGS = -std=c11 -D_GNU_SOURCE $(WARN) -O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2 \
                $(CFLAGS) -MMD -MP -I$(B)

# Nor is the reader of pages: its filter leaves nothing that a sanitizer needs. What it does is
# sanitised in unit tests and fuzzed.
PAGE_CFLAGS = -std=c11 -D_GNU_SOURCE $(WARN) $(FLAGS_release) $(CFLAGS) -MMD -MP -I$(B) \
              $(shell pkg-config --cflags $(PAGE_PKGS) 2>/dev/null)
PAGE_LIBS   = $(shell pkg-config --libs $(PAGE_PKGS) 2>/dev/null)

ifeq ($(MODE),release)
PROGRAM := perigee
HELPER  := perigee-sandbox
PAGE    := perigee-page
else
PROGRAM := $(B)/perigee
HELPER  := $(B)/perigee-sandbox
PAGE    := $(B)/perigee-page
endif

.PHONY: all demo test lint bench fuzz faults format install deps help clean
.DEFAULT_GOAL := all

all: deps-check $(PROGRAM) $(HELPER) $(PAGE) ## build the program, its sandbox helper and its reader of pages

$(PROGRAM): $(B)/host/main.o $(SHIP_SRC:%.c=$(B)/%.o) $(B)/libhost.a
	$(say) LINK $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(ALL_LIBS)

$(B)/libhost.a: $(LIB_OBJ)
	$(say) AR $@
	$(Q)rm -f $@ && ar rcs $@ $^

$(B)/host/%.o: host/%.c
	$(say) CC $<
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -c -o $@ $<

$(HELPER): $(HELPER_OBJ)
	$(say) LINK $@
	$(Q)$(CC) -static -o $@ $^

$(B)/helper/%.o: %.c $(B)/filter_table.h
	$(say) CC $<
	$(Q)mkdir -p $(@D) && $(CC) $(HELPER_CFLAGS) -c -o $@ $<

$(PAGE): $(PAGE_OBJ)
	$(say) LINK $@
	$(Q)$(CC) $(LDFLAGS_release) -o $@ $^ $(PAGE_LIBS)

$(B)/page/%.o: %.c $(B)/cell_table.h
	$(say) CC $<
	$(Q)mkdir -p $(@D) && $(CC) $(PAGE_CFLAGS) -c -o $@ $<

$(B)/filter_gen: $(FILTER_SRC)
	$(say) CC $<
	$(Q)mkdir -p $(@D) && $(CC) -std=c11 -D_GNU_SOURCE $(WARN) -g -o $@ $^ $$(pkg-config --cflags --libs libseccomp)

$(B)/filter_table.h: $(B)/filter_gen
	$(say) FILTER $@
	$(Q)./$< table > $@.new && mv $@.new $@

$(B)/cell_table.h: $(B)/filter_gen
	$(say) FILTER $@
	$(Q)./$< cell > $@.new && mv $@.new $@

# The Lua that ships, compiled: a part of the program.
SHIPPED := $(shell find lua tools agents -name '*.lua' ! -path 'lua/meta/*')

$(B)/shipped_gen: $(SHIP_GEN) $(addprefix host/base/,buf.c fault.c hash.c mem.c status.c str.c)
	$(say) CC $<
	$(Q)mkdir -p $(@D) && $(CC) -std=c11 -D_GNU_SOURCE $(WARN) -g -o $@ $^ $$(pkg-config --cflags --libs lua5.4 libmd)

$(B)/shipped_table.h: $(B)/shipped_gen $(SHIPPED)
	$(say) LUA $@
	$(Q)./$< $(B)/shipped.bin $(SHIPPED) > $@.new && mv $@.new $@

$(SHIP_SRC:%.c=$(B)/%.o): $(B)/shipped_table.h
$(SHIP_SRC:%.c=$(B)/%.o): ALL_CFLAGS += -I$(B)

$(B)/tests/%: tests/%.c $(B)/libhost.a | $(B)/cell_table.h $(B)/shipped_table.h
	$(say) CC $<
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -I$(B) $(ALL_LDFLAGS) -o $@ $< $(B)/libhost.a $(ALL_LIBS) $(PAGE_LIBS)

$(B)/tests/fuzz/%: tests/fuzz/%.c $(B)/libhost.a
	$(say) CC $<
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -fsanitize=fuzzer $(ALL_LDFLAGS) -o $@ $< $(B)/libhost.a $(ALL_LIBS) $(PAGE_LIBS)

-include $(LIB_OBJ:.o=.d) $(HELPER_OBJ:.o=.d) $(PAGE_OBJ:.o=.d) $(B)/host/main.d $(SHIP_SRC:%.c=$(B)/%.d) $(UNIT_BIN:=.d) $(BENCH_BIN:=.d) $(FUZZ_BIN:=.d)

# -- verbs -----------------------------------------------------------------------------------------
deps: ## install what is missing (Debian and Ubuntu), or say what to install
	@tests/support/deps install

.PHONY: deps-check
deps-check:
	@tests/support/deps check

demo: ## the main job: an agent writes, builds and repairs a program, the next one checks it
	@tests/support/deps install
	@$(MAKE) --no-print-directory all
	@PERIGEE=./$(PROGRAM) tests/support/demo

test: ## all tests, one summary
	@tests/support/deps install
	@$(MAKE) --no-print-directory all tests-built
	@MODE=$(MODE) BUILD=$(B) PERIGEE=$(CURDIR)/$(PROGRAM) tests/support/run-tests

.PHONY: tests-built
tests-built: $(UNIT_BIN) $(SUPPORT_BIN)

lint: ## formatting, luacheck, and one grep for each rule that a grep can check
	@tests/support/lint

bench: ## ratios against a named floor, in one run
	@$(MAKE) --no-print-directory MODE=release all bench-built
	@BUILD=build/release PERIGEE=$(CURDIR)/perigee tests/bench/run

.PHONY: bench-built
bench-built: $(BENCH_BIN)

fuzz: ## each target of tests/fuzz for RUNS inputs (20000), with clang
	@command -v clang >/dev/null || { echo "make fuzz needs clang with libFuzzer (Debian: clang)" >&2; exit 1; }
	@$(MAKE) --no-print-directory MODE=fuzz fuzz-built
	@BUILD=build/fuzz tests/fuzz/run

.PHONY: fuzz-built
fuzz-built: deps-check $(FUZZ_BIN)

faults: ## runs again and again, each time with the next thing made to fail, or killed there
	@$(MAKE) --no-print-directory MODE=asan all tests-built
	@MODE=asan BUILD=build/asan PERIGEE=$(CURDIR)/build/asan/perigee PERIGEE_LONG=1 prove --jobs 2 --timer --comments --merge --exec '' $(FAULTS)

format: ## clang-format over the C sources
	@clang-format -i $$(git ls-files '*.c' '*.h')

SHARE = $(DESTDIR)$(PREFIX)/share/perigee

APPARMOR      ?=
APPARMOR_FILE := host/sandbox/perigee-sandbox.apparmor
HELPER_PLACE  := $(PREFIX)/libexec/perigee/perigee-sandbox
USERNS_SWITCH := /proc/sys/kernel/apparmor_restrict_unprivileged_userns

install: all ## install into DESTDIR and PREFIX; APPARMOR=1: with a profile for AppArmor
	$(say) INST $(DESTDIR)$(PREFIX)
	$(Q)install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/libexec/perigee $(SHARE)
	$(Q)install -m 0755 $(PROGRAM) $(DESTDIR)$(PREFIX)/bin/perigee
	$(Q)install -m 0755 $(HELPER) $(DESTDIR)$(PREFIX)/libexec/perigee/perigee-sandbox
	$(Q)install -m 0755 $(PAGE) $(DESTDIR)$(PREFIX)/libexec/perigee/perigee-page
	$(Q)rm -rf $(SHARE)/lua $(SHARE)/tools $(SHARE)/agents # a tool that is gone must not be offered
	$(Q)find lua tools agents -type f -exec install -D -m 0644 {} $(SHARE)/{} ';'
	$(Q)install -d $(SHARE)/apparmor
	$(Q)sed 's|@HELPER@|$(HELPER_PLACE)|' $(APPARMOR_FILE) > $(SHARE)/apparmor/perigee-sandbox
ifneq ($(APPARMOR),)
	$(Q)install -D -m 0644 $(SHARE)/apparmor/perigee-sandbox $(DESTDIR)/etc/apparmor.d/perigee-sandbox
	$(Q)test -n "$(DESTDIR)" || apparmor_parser -r /etc/apparmor.d/perigee-sandbox
else
	$(Q)if [ "$$(cat $(USERNS_SWITCH) 2>/dev/null)" = 1 ]; then \
	  echo "AppArmor restricts user namespaces here: make install APPARMOR=1 adds a profile for the helper"; fi
endif

clean: ## remove what was built
	rm -rf build perigee perigee-sandbox perigee-page

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-8s %s\n", $$1, $$2}' Makefile
