// Counts calls of malloc for the benchmarks: with glibc, a program's own malloc takes the place of the library's.
// In C, because Swift keeps the name malloc for its runtime.

#include "allocation_count.h"

#include <stdlib.h>

#ifdef __GLIBC__
static _Atomic long count;

void *__libc_malloc(size_t size);

void *malloc(size_t size) {
    count++;
    return __libc_malloc(size);
}

long allocation_count(void) { return count; }
#else
long allocation_count(void) { return -1; }
#endif
