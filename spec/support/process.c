// Processes for specs: what POSIX has and Lua lacks. Debian packages no lua-posix for Lua 5.4.
// Built into the build folder for each Lua, never installed. A failed system call raises,
// because a spec can do nothing else about it.
//
//     local process = require "process"
//     local from_child, to_parent = process.pipe()
//     local pid = process.fork()
//     if pid == 0 then process.write(to_parent, "ready") process.exit_now(0) end
//     process.read(from_child, 5)
//     local how, number = process.wait(pid)      -- "exited", 0

#define _DEFAULT_SOURCE
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "binding/compat.h"

static int raise_errno(lua_State *L, const char *what)
{
    return luaL_error(L, "%s: %s", what, strerror(errno));
}

// fork(): the child's pid, 0 in the child.
static int process_fork(lua_State *L)
{
    pid_t pid = fork();
    if (pid < 0)
        return raise_errno(L, "fork");
    lua_pushinteger(L, (lua_Integer)pid);
    return 1;
}

// wait(pid): "exited" and the status, or "killed" and the signal.
static int process_wait(lua_State *L)
{
    int status;
    pid_t pid = (pid_t)luaL_checkinteger(L, 1), ended;
    do
        ended = waitpid(pid, &status, 0);
    while (ended < 0 && errno == EINTR);
    if (ended < 0)
        return raise_errno(L, "wait");
    lua_pushstring(L, WIFEXITED(status) ? "exited" : "killed");
    lua_pushinteger(L, WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    return 2;
}

static const char *const signal_names[] = { "KILL", "TERM", "STOP", "CONT", NULL };

// kill(pid, signal): signal is one of the names above.
static int process_kill(lua_State *L)
{
    static const int numbers[] = { SIGKILL, SIGTERM, SIGSTOP, SIGCONT };
    int which = luaL_checkoption(L, 2, "KILL", signal_names);
    if (kill((pid_t)luaL_checkinteger(L, 1), numbers[which]) != 0)
        return raise_errno(L, "kill");
    return 0;
}

static int process_getpid(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)getpid());
    return 1;
}

// exit_now(code): ends the process without closing Lua: no finalizer runs.
static int process_exit_now(lua_State *L)
{
    _exit((int)luaL_optinteger(L, 1, 0));
}

// pipe(): the end to read from, the end to write to.
static int process_pipe(lua_State *L)
{
    int ends[2];
    if (pipe(ends) != 0)
        return raise_errno(L, "pipe");
    lua_pushinteger(L, ends[0]);
    lua_pushinteger(L, ends[1]);
    return 2;
}

// read(fd, most): up to that many bytes; "" at the end.
static int process_read(lua_State *L)
{
    char bytes[4096];
    lua_Integer most = luaL_optinteger(L, 2, (lua_Integer)sizeof bytes);
    size_t size = most > 0 && most < (lua_Integer)sizeof bytes ? (size_t)most : sizeof bytes;
    ssize_t got;
    do
        got = read((int)luaL_checkinteger(L, 1), bytes, size);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return raise_errno(L, "read");
    lua_pushlstring(L, bytes, (size_t)got);
    return 1;
}

// write(fd, bytes): all of them.
static int process_write(lua_State *L)
{
    size_t left;
    int fd = (int)luaL_checkinteger(L, 1);
    const char *bytes = luaL_checklstring(L, 2, &left);
    while (left > 0) {
        ssize_t put = write(fd, bytes, left);
        if (put < 0 && errno != EINTR)
            return raise_errno(L, "write");
        bytes += put < 0 ? 0 : put;
        left -= put < 0 ? 0 : (size_t)put;
    }
    return 0;
}

static int process_close(lua_State *L)
{
    close((int)luaL_checkinteger(L, 1));
    return 0;
}

static const char *const limit_names[] = { "fsize", "nofile", "as", NULL };

// rlimit(kind, value): sets the soft limit. With "fsize" a write beyond it fails like one on a
// full disk instead of killing the process.
static int process_rlimit(lua_State *L)
{
    static const int kinds[] = { RLIMIT_FSIZE, RLIMIT_NOFILE, RLIMIT_AS };
    int which = luaL_checkoption(L, 1, NULL, limit_names);
    struct rlimit limit;
    if (getrlimit(kinds[which], &limit) != 0)
        return raise_errno(L, "getrlimit");
    limit.rlim_cur = (rlim_t)luaL_checknumber(L, 2);
    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(kinds[which], &limit) != 0)
        return raise_errno(L, "setrlimit");
    return 0;
}

static int process_getuid(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)getuid());
    return 1;
}

// become(uid): root gives up its rights for good. For children only.
static int process_become(lua_State *L)
{
    uid_t uid = (uid_t)luaL_checkinteger(L, 1);
    if (setgroups(0, NULL) != 0 || setgid((gid_t)uid) != 0 || setuid(uid) != 0)
        return raise_errno(L, "become");
    return 0;
}

static const luaL_Reg functions[] = {
    { "fork", process_fork },
    { "wait", process_wait },
    { "kill", process_kill },
    { "getpid", process_getpid },
    { "exit_now", process_exit_now },
    { "pipe", process_pipe },
    { "read", process_read },
    { "write", process_write },
    { "close", process_close },
    { "rlimit", process_rlimit },
    { "getuid", process_getuid },
    { "become", process_become },
    { NULL, NULL },
};

int luaopen_process(lua_State *L);

int luaopen_process(lua_State *L)
{
    signal(SIGPIPE, SIG_IGN); // a child that died early is told by write, not by our death
    luaL_newlib(L, functions);
    return 1;
}
