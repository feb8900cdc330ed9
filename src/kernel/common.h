// What every C file of the core needs: the fixed-width types, a few compiler attributes and the
// visibility of symbols.
//
// LuaRocks' builtin build cannot pass -fvisibility=hidden, so every header puts its own
// declarations between MB_HIDDEN_BEGIN and MB_HIDDEN_END; a definition inherits the visibility
// of its declaration. The pair must not enclose an #include: a hidden declaration of a foreign
// function does not link.
#ifndef MB_KERNEL_COMMON_H
#define MB_KERNEL_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define MB_HIDDEN_BEGIN _Pragma("GCC visibility push(hidden)")
#define MB_HIDDEN_END _Pragma("GCC visibility pop")
#define MB_EXPORT __attribute__((visibility("default")))
#define MB_PRINTF(at, first) __attribute__((format(printf, at, first)))
#define MB_ALWAYS_INLINE inline __attribute__((always_inline))
#define MB_COLD __attribute__((noinline, cold))
#define MB_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define MB_UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#else
#define MB_HIDDEN_BEGIN
#define MB_HIDDEN_END
#define MB_EXPORT
#define MB_PRINTF(at, first)
#define MB_ALWAYS_INLINE inline
#define MB_COLD
#define MB_LIKELY(condition) (condition)
#define MB_UNLIKELY(condition) (condition)
#endif

#endif
