# moonbase. `make` builds the C core; `make test` is the whole suite. Targets and variables: CONTRIBUTING.md.

CC         ?= cc
CLANG      ?= clang
PKG_CONFIG ?= pkg-config
LUAROCKS   ?= luarocks
LUAROCKS_FLAGS ?=
LUA        ?= lua5.4

# V=1 shows the commands in full.
Q          := $(if $(V),,@)

# Another folder keeps builds with other flags (or of other people) apart.
BUILD      ?= build
OPTIMIZE   ?= -O2 -g
WERROR     ?= -Werror
SANITIZE   ?=

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wcast-qual -Wmissing-prototypes \
            -Wstrict-prototypes $(WERROR)
LIBRARIES    := sqlite3 libzstd libsodium
LUA54_FLAGS  := $(or $(shell $(PKG_CONFIG) --cflags lua5.4 2>/dev/null),-I/usr/include/lua5.4)
LUAJIT_FLAGS := $(or $(shell $(PKG_CONFIG) --cflags luajit 2>/dev/null),-I/usr/include/luajit-2.1)
LUA54_LIBS   := $(or $(shell $(PKG_CONFIG) --libs lua5.4 2>/dev/null),-llua5.4)
HAVE_LUAJIT  := $(shell $(PKG_CONFIG) --exists luajit 2>/dev/null && echo yes)

# Strict C11 hides POSIX (clocks, getpid, realpath) unless asked for it.
STANDARD   := -std=c11 -D_XOPEN_SOURCE=700
ALL_CFLAGS = $(STANDARD) $(OPTIMIZE) -fPIC $(WARNINGS) $(SANITIZE) -Isrc \
             $(shell $(PKG_CONFIG) --cflags $(LIBRARIES) 2>/dev/null) $(CPPFLAGS) $(CFLAGS)
LINK_LIBS := $(or $(shell $(PKG_CONFIG) --libs $(LIBRARIES) 2>/dev/null),-lsqlite3 -lzstd -lsodium) -lm

# The kernel and the storage know no Lua: they are compiled once. The binding is compiled per Lua.
ENGINE_OBJECTS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard src/kernel/*.c src/storage/*.c))
BINDING        := $(wildcard src/binding/*.c)
LUA54_OBJECTS  := $(patsubst src/%.c,$(BUILD)/5.4/%.o,$(BINDING))
LUAJIT_OBJECTS := $(patsubst src/%.c,$(BUILD)/luajit/%.o,$(BINDING))
LUA54_CORE     := $(BUILD)/5.4/moonbase/core.so
LUAJIT_CORE    := $(BUILD)/luajit/moonbase/core.so

NATIVE_SOURCES := $(wildcard spec/native/*_test.c)
NATIVE_TESTS   := $(patsubst spec/native/%.c,$(BUILD)/native/%,$(NATIVE_SOURCES))
FUZZERS        := $(patsubst spec/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard spec/fuzz/*_fuzz.c))

LUA_FILES := $(shell find lua spec examples bench -name '*.lua' 2>/dev/null)
C_FILES   := $(wildcard src/*/*.[ch] spec/*/*.[ch] bench/*.[ch] bench/*/*.[ch])
LUA_ENV   := LUA_PATH="./lua/?.lua;./lua/?/init.lua;;" LUA_CPATH="$(BUILD)/5.4/?.so;;"

.PHONY: build processes native faults test demo bench lint lint-lua lint-c asan asan-test valgrind fuzz fuzz-run \
        install clean
.DELETE_ON_ERROR:

build: processes $(LUA54_CORE) $(if $(HAVE_LUAJIT),$(LUAJIT_CORE))
ifneq ($(HAVE_LUAJIT),yes)
	@echo "LuaJIT headers not found: built for Lua 5.4 only"
endif

$(LUA54_CORE): $(LUA54_OBJECTS) $(ENGINE_OBJECTS)
$(LUAJIT_CORE): $(LUAJIT_OBJECTS) $(ENGINE_OBJECTS)

# Linked beside and moved into place: a program that has the old core open keeps it whole.
%/moonbase/core.so:
	@mkdir -p $(@D)
	@echo "  $@"
	$(Q)$(CC) -shared $(SANITIZE) $(LDFLAGS) -o $@.new $^ $(LINK_LIBS)
	$(Q)mv -f $@.new $@

$(BUILD)/5.4/%.o: src/%.c
	@mkdir -p $(@D)
	@echo "  $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LUA54_FLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/luajit/%.o: src/%.c
	@mkdir -p $(@D)
	@echo "  $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LUAJIT_FLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/src/%.o: src/%.c
	@mkdir -p $(@D)
	@echo "  $@"
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# What the specs need and Lua lacks: processes.
processes: $(BUILD)/5.4/process.so $(if $(HAVE_LUAJIT),$(BUILD)/luajit/process.so)

$(BUILD)/5.4/process.so: LUA_FLAGS = $(LUA54_FLAGS)
$(BUILD)/luajit/process.so: LUA_FLAGS = $(LUAJIT_FLAGS)
%/process.so: spec/support/process.c
	@mkdir -p $(@D)
	@echo "  $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LUA_FLAGS) -shared $(LDFLAGS) -o $@.new $<
	$(Q)mv -f $@.new $@

# spec/native/NAME_lua_test.c sees Lua and the binding, any other NAME_test.c the two floors below.
native: $(NATIVE_TESTS)

$(BUILD)/native/%_lua_test: spec/native/%_lua_test.c $(LUA54_OBJECTS) $(ENGINE_OBJECTS)
	@mkdir -p $(@D)
	@echo "  $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LUA54_FLAGS) -MMD -MP -MF $@.d -MT $@ $(LDFLAGS) -o $@ $(filter %.c %.o,$^) \
	    $(LINK_LIBS) $(LUA54_LIBS)

$(BUILD)/native/%_test: spec/native/%_test.c $(ENGINE_OBJECTS)
	@mkdir -p $(@D)
	@echo "  $@"
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d -MT $@ $(LDFLAGS) -o $@ $(filter %.c %.o,$^) $(LINK_LIBS)

# Drives the Lua layer too, which it loads from ./lua.
$(BUILD)/native/faults_lua_test: $(patsubst %.c,$(BUILD)/%.o,$(wildcard spec/native/fault_*.c))
$(BUILD)/native/power_loss_lua_test: $(BUILD)/spec/native/crash_vfs.o
$(BUILD)/native/faults_lua_test $(BUILD)/native/power_loss_lua_test: $(BUILD)/spec/native/through_vfs.o

$(BUILD)/spec/%.o: spec/%.c
	@mkdir -p $(@D)
	@echo "  $@"
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# Every fault at every place, and the power failing at every write: `make test` tries some of them.
faults:
	@scripts/setup test
	@$(MAKE) --no-print-directory build native
	MOONBASE_FAULTS=all $(BUILD)/native/faults_lua_test $(ONLY)
	MOONBASE_POWER=all $(BUILD)/native/power_loss_lua_test $(ONLY)

test:
	@scripts/setup test
	@$(MAKE) --no-print-directory build native
	@MOONBASE_BUILD=$(BUILD) scripts/test

demo:
	@scripts/setup build
	@$(MAKE) --no-print-directory -s $(LUA54_CORE)
	@$(LUA_ENV) $(LUA) examples/agent.lua

# ONLY=threads measures one table; several are separated by spaces.
bench:
	@scripts/setup bench $(findstring nearest,$(ONLY))
	@$(MAKE) --no-print-directory -s build $(BUILD)/bench/bare
	-@$(if $(findstring nearest,$(ONLY)),$(MAKE) -s $(BUILD)/bench/peers $(BUILD)/bench/vec0.so)
	@$(LUA_ENV) MOONBASE_BUILD=$(BUILD) LUA=$(LUA) ONLY="$(ONLY)" $(LUA) bench/run.lua

# What moonbase is measured against: the same work in C on the same tables, without moonbase.
$(BUILD)/bench/bare: $(wildcard bench/*.c bench/*/*.c) bench/bare.h
	@mkdir -p $(@D)
	@echo "  $@"
	$(Q)$(CC) $(ALL_CFLAGS) -I. $(LDFLAGS) -o $@ $(filter %.c,$^) $(LINK_LIBS)

# What vector searches are compared with; the table leaves out what is not there.
$(BUILD)/bench/peers: bench/nearest/peers.cc
	@mkdir -p $(@D)
	$(CXX) -std=c++17 -O3 -march=native -fopenmp -o $@ $< -lfaiss -lblas -llapack -lsqlite3

$(BUILD)/bench/vec0.so:
	@mkdir -p $(@D)
	cd $(@D) && npm pack sqlite-vec-linux-x64 --silent >/dev/null && \
	    tar xzf sqlite-vec-linux-x64-*.tgz --strip-components=1 package/vec0.so

lint:
	@scripts/setup check
	@$(MAKE) --no-print-directory lint-lua lint-c

lint-lua:
	luacheck --quiet --no-cache .
	$(LUAROCKS) lint moonbase-scm-1.rockspec
	@echo luajit scripts/loadable.lua
	@luajit scripts/loadable.lua $(LUA_FILES)

# cppcheck takes an error record, filled only on failure, for one used uninitialized (ctuuninitvar);
# clang-tidy follows the branches better, and one file at a time without false alarms.
lint-c:
	@echo clang-format
	@clang-format --dry-run -Werror $(C_FILES)
	cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr \
	    --suppress=missingIncludeSystem --suppress=ctuuninitvar --error-exitcode=1 -Isrc src
	@echo clang-tidy
	@printf '%s\n' $(wildcard src/*/*.c) | \
	    xargs -P 4 -I{} clang-tidy --quiet {} -- $(STANDARD) -Isrc $(LUA54_FLAGS) 2>/dev/null

# The interpreters are not built with the sanitizer, so its run-time must be there before them. A
# core that stays loaded (nodelete) gives leak reports the names of its functions.
ASAN_UNDER = env LD_PRELOAD=$(shell $(CC) -print-file-name=libasan.so)

asan:
	@scripts/setup check
	@$(MAKE) --no-print-directory asan-test BUILD=$(BUILD)/asan OPTIMIZE="-O1 -g" \
	    LDFLAGS="-Wl,-z,nodelete" \
	    SANITIZE="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"

asan-test: build native
	@MOONBASE_BUILD=$(BUILD) MOONBASE_FAULTS=$(or $(MOONBASE_FAULTS),8) \
	    MOONBASE_POWER=$(or $(MOONBASE_POWER),5) UNDER="$(ASAN_UNDER)" \
	    scripts/test

valgrind:
	@scripts/setup check
	@$(MAKE) --no-print-directory build native
	@MOONBASE_BUILD=$(BUILD) MOONBASE_FAULTS=few MOONBASE_POWER=1 ENGINES=$(LUA) \
	    UNDER="valgrind --quiet --error-exitcode=9 \
	    --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
	    --keep-debuginfo=yes" scripts/test

# spec/fuzz/NAME_lua_fuzz.c is a libFuzzer target that sees Lua and the binding, any other
# NAME_fuzz.c one over the two floors below. Both begin with what is in spec/fuzz/corpus/NAME; what
# they find stays beside them and is the next run's beginning.
FUZZ_SECONDS ?= 30

fuzz:
	@scripts/setup check
	@$(MAKE) --no-print-directory fuzz-run CC=$(CLANG) BUILD=$(BUILD)/fuzzing OPTIMIZE="-O1 -g" \
	    SANITIZE="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all"

fuzz-run: $(FUZZERS)
	@test -n "$(FUZZERS)" || echo "spec/fuzz/ has no targets"
	@for fuzzer in $(FUZZERS); do \
	    echo "== $$fuzzer"; \
	    seeds=$$(basename $$fuzzer | sed 's/\(_lua\)*_fuzz$$//'); \
	    mkdir -p $$fuzzer-found; \
	    $$fuzzer -max_total_time=$(FUZZ_SECONDS) -timeout=10 -verbosity=0 -print_final_stats=1 \
	        -artifact_prefix=$$fuzzer- $$fuzzer-found \
	        $$(ls -d spec/fuzz/corpus/$$seeds 2>/dev/null) || exit 1; \
	done

$(BUILD)/fuzz/%_lua_fuzz: spec/fuzz/%_lua_fuzz.c $(LUA54_OBJECTS) $(ENGINE_OBJECTS)
	@mkdir -p $(@D)
	@echo "  $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LUA54_FLAGS) -fsanitize=fuzzer -MMD -MP -MF $@.d -MT $@ $(LDFLAGS) -o $@ \
	    $(filter %.c %.o,$^) $(LINK_LIBS) $(LUA54_LIBS)

$(BUILD)/fuzz/%_fuzz: spec/fuzz/%_fuzz.c $(ENGINE_OBJECTS)
	@mkdir -p $(@D)
	@echo "  $@"
	$(Q)$(CC) $(ALL_CFLAGS) -fsanitize=fuzzer -MMD -MP -MF $@.d -MT $@ $(LDFLAGS) -o $@ $(filter %.c %.o,$^) $(LINK_LIBS)

# LuaRocks builds beside the sources. What it leaves there goes at once: after `sudo make install`
# it would belong to root.
TIDY = rm -rf moonbase; find src -name '*.o' -exec rm -f {} +

install:
	$(LUAROCKS) --lua-version=5.4 $(LUAROCKS_FLAGS) make --deps-mode=none; status=$$?; $(TIDY); \
	    exit $$status

clean:
	rm -rf $(BUILD); $(TIDY)

-include $(patsubst %.o,%.d,$(ENGINE_OBJECTS) $(LUA54_OBJECTS) $(LUAJIT_OBJECTS))
-include $(addsuffix .d,$(NATIVE_TESTS) $(FUZZERS))
