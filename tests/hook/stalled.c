/* SPDX-License-Identifier: MIT */
/* stalled slots|data setrlimit|mlockall: a thread is held up while it writes into the ring's slots or data, the ring is given up for another
 * one, and the process gives back what it does not use. Then the thread goes on. */
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fake_tls.h"
#include "own_region.h"

static uint8_t *page; /* that the thread is held up at */
static sem_t arrived, may_go_on;

static void use(void *ssl)
{
    uint8_t bytes[100] = {0};
    size_t done;
    SSL_write_ex(ssl, bytes, sizeof bytes, &done);
}

static void hold_up(int signal)
{
    (void)signal;
    sem_post(&arrived);
    sem_wait(&may_go_on);
    if (mprotect(page, SSLC_PAGE, PROT_READ | PROT_WRITE) != 0)
        _exit(1);
}

static void *use_once(void *ssl)
{
    use(ssl);
    sem_post(&arrived);
    return NULL;
}

/* The first page of the ring's slots or data. */
static uint8_t *page_of(const struct sslc_region *region, struct sslc_ring *ring, const char *what)
{
    uint8_t *slots = (uint8_t *)ring + SSLC_PAGE;
    return strcmp(what, "slots") == 0 ? slots : slots + region->slot_capacity * sizeof(struct sslc_slot);
}

static void give_back(const char *way)
{
    const struct rlimit limit = {4ul << 30, 4ul << 30};
    if (strcmp(way, "setrlimit") == 0)
        setrlimit(RLIMIT_AS, &limit);
    else
        mlockall(MCL_CURRENT);
}

int main(int count, char **arguments)
{
    struct fake_context context;
    pthread_t thread;
    fake_context_set(&context, 42, 0);
    void *ssl = SSL_new(&context), *other = SSL_new(&context);
    use(ssl);
    use(other);
    struct sslc_region *region = find_region();
    struct sslc_ring *ring = first_ring(region);
    sem_init(&arrived, 0, 0);
    sem_init(&may_go_on, 0, 0);
    signal(SIGSEGV, hold_up);
    if (count < 3)
        return 2;
    if (region != NULL) {
        page = page_of(region, ring, arguments[1]);
        mprotect(page, SSLC_PAGE, PROT_NONE);
    }
    pthread_create(&thread, NULL, use_once, other);
    sem_wait(&arrived);
    if (region != NULL)
        ring->retired = SSLC_RETIRED_AGAIN;
    use(ssl);
    give_back(arguments[2]);
    sem_post(&may_go_on);
    pthread_join(thread, NULL);
    puts("fine");
    return 0;
}
