/* SPDX-License-Identifier: MIT */
/* Does what each line of its standard input says and answers with a line of what memory it shares and maps, in KiB:
 * `write KIB` passes so much through one session of the fake library, `allocate MIB` takes memory, `limit MIB` sets RLIMIT_AS
 * by the call that the first argument names. A command that fails answers "failed". */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fake_tls.h"

static long status(const char *name)
{
    char line[256];
    long value = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, name, strlen(name)) == 0)
            value = atol(line + strlen(name) + 1);
    if (file != NULL)
        fclose(file);
    return value;
}

static int limit(const char *way, long mib)
{
    struct rlimit most = {(rlim_t)mib << 20, (rlim_t)mib << 20};
    struct rlimit64 most64 = {(rlim64_t)mib << 20, (rlim64_t)mib << 20};
    if (strcmp(way, "setrlimit") == 0)
        return setrlimit(RLIMIT_AS, &most);
    if (strcmp(way, "setrlimit64") == 0)
        return setrlimit64(RLIMIT_AS, &most64);
    if (strcmp(way, "prlimit") == 0)
        return prlimit(0, RLIMIT_AS, &most, NULL);
    if (strcmp(way, "prlimit in place") == 0)
        return prlimit(0, RLIMIT_AS, &most, &most);
    return prlimit64(getpid(), RLIMIT_AS, &most64, NULL);
}

static void *limit_aside(void *mib)
{
    return (void *)(intptr_t)limit("prlimit64", (long)(intptr_t)mib);
}

/* By another thread than the main one. */
static int limit_by_thread(long mib)
{
    pthread_t thread;
    void *result = (void *)-1;
    if (pthread_create(&thread, NULL, limit_aside, (void *)(intptr_t)mib) == 0)
        pthread_join(thread, &result);
    return (int)(intptr_t)result;
}

int main(int count, char **arguments)
{
    char line[256], word[32];
    long amount;
    static uint8_t bytes[16384];
    size_t done;
    struct fake_context context;
    fake_context_set(&context, 42, 0);
    void *ssl = SSL_new(&context);
    while (fgets(line, sizeof line, stdin) != NULL) {
        int fine = sscanf(line, "%31s %ld", word, &amount) == 2;
        if (fine && strcmp(word, "write") == 0) {
            for (long i = 0; i < amount; i += 16)
                SSL_write_ex(ssl, bytes, sizeof bytes, &done);
        } else if (fine && strcmp(word, "allocate") == 0) {
            void *memory = mmap(NULL, (size_t)amount << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            fine = memory != MAP_FAILED && memset(memory, 1, (size_t)amount << 20) != NULL;
        } else if (fine && strcmp(word, "limit") == 0) {
            const char *way = count > 1 ? arguments[1] : "setrlimit";
            fine = (strcmp(way, "a thread") == 0 ? limit_by_thread(amount) : limit(way, amount)) == 0;
        }
        if (fine)
            printf("%ld %ld\n", status("RssShmem:"), status("VmSize:"));
        else
            puts("failed");
        fflush(stdout);
    }
    SSL_free(ssl);
    return 0;
}
