/* SPDX-License-Identifier: MIT */
/* Preloaded: threads that change the program's mappings all the time. */
#include <pthread.h>
#include <sys/mman.h>

#define THREADS 2
#define BYTES (1 << 20)

static void *remap(void *nothing)
{
    for (;;) {
        char *memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
        munmap(memory, BYTES);
    }
    return nothing;
}

__attribute__((constructor)) static void begin(void)
{
    for (int i = 0; i < THREADS; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, remap, NULL);
    }
}
