/* SPDX-License-Identifier: MIT */
/* BIO_f_ssl: a program that stacks this BIO never calls SSL_read or SSL_write by name (`openssl s_server`). It is given a
 * method of the same type whose reading and writing pass through here. */
#include "call.h"
#include "elf.h"
#include "settings.h"

#define BIO_C_GET_SSL 110

typedef int (*write_ex_type)(BIO *, const char *, size_t, size_t *);
typedef int (*read_ex_type)(BIO *, char *, size_t, size_t *);
typedef int (*write_type)(BIO *, const char *, int);
typedef int (*read_type)(BIO *, char *, int);
typedef long (*ctrl_type)(BIO *, int, long, void *);
typedef int (*life_type)(BIO *);

/* X(name, result type, parameters): of the library's own libcrypto. */
#define METHOD_FUNCTIONS(X)                                      \
    X(BIO_meth_new, void *, (int, const char *))                 \
    X(BIO_meth_get_write_ex, write_ex_type, (const void *))      \
    X(BIO_meth_set_write_ex, int, (void *, write_ex_type))       \
    X(BIO_meth_get_read_ex, read_ex_type, (const void *))        \
    X(BIO_meth_set_read_ex, int, (void *, read_ex_type))         \
    X(BIO_meth_get_write, write_type, (const void *))            \
    X(BIO_meth_set_write, int, (void *, write_type))             \
    X(BIO_meth_get_read, read_type, (const void *))              \
    X(BIO_meth_set_read, int, (void *, read_type))               \
    X(BIO_meth_get_puts, void *, (const void *))                 \
    X(BIO_meth_set_puts, int, (void *, void *))                  \
    X(BIO_meth_get_gets, void *, (const void *))                 \
    X(BIO_meth_set_gets, int, (void *, void *))                  \
    X(BIO_meth_get_ctrl, ctrl_type, (const void *))              \
    X(BIO_meth_set_ctrl, int, (void *, ctrl_type))               \
    X(BIO_meth_get_create, life_type, (const void *))            \
    X(BIO_meth_set_create, int, (void *, life_type))             \
    X(BIO_meth_get_destroy, life_type, (const void *))           \
    X(BIO_meth_set_destroy, int, (void *, life_type))            \
    X(BIO_meth_get_callback_ctrl, void *, (const void *))        \
    X(BIO_meth_set_callback_ctrl, int, (void *, void *))

#define METHOD_INDEX(name, result, parameters) METHOD_##name,
enum method_index { METHOD_FUNCTIONS(METHOD_INDEX) METHOD_COUNT };
#undef METHOD_INDEX
#define METHOD_TYPE(name, result, parameters) typedef result(*name##_type) parameters;
METHOD_FUNCTIONS(METHOD_TYPE)
#undef METHOD_TYPE

/* One for the process: the library's method and the wrapped one. Published by `wrapped`, never changed. */
struct wrap {
    const void *original;
    void *method;
    write_ex_type write_ex;
    read_ex_type read_ex;
    write_type write;
    read_type read;
    ctrl_type ctrl;
};

static struct wrap wrap;
static uint32_t making;
static uint32_t made;

/* The SSL of a BIO, asked of the method itself: BIO_ctrl would call the program's own BIO callback. */
static SSL *ssl_of(BIO *bio)
{
    SSL *ssl = NULL;
    return wrap.ctrl(bio, BIO_C_GET_SSL, 0, &ssl) > 0 ? ssl : NULL;
}

static int wrapped_write_ex(BIO *bio, const char *bytes, size_t length, size_t *done)
{
    struct write_frame write;
    SSL *ssl = ssl_of(bio);
    if (ssl == NULL || bytes == NULL)
        return wrap.write_ex(bio, bytes, length, done);
    CALL_BEGIN_WRITE(&write, ssl, bytes, length);
    int result = wrap.write_ex(bio, bytes, length, done);
    call_end_write(&write, result > 0 ? *done : 0);
    return result;
}

static int wrapped_read_ex(BIO *bio, char *bytes, size_t length, size_t *done)
{
    struct call_frame call;
    SSL *ssl = ssl_of(bio);
    if (ssl == NULL || bytes == NULL)
        return wrap.read_ex(bio, bytes, length, done);
    CALL_BEGIN(&call, CALL_READ, ssl);
    int result = wrap.read_ex(bio, bytes, length, done);
    call_end_read(&call, bytes, result > 0 ? *done : 0);
    return result;
}

static int wrapped_write(BIO *bio, const char *bytes, int length)
{
    struct write_frame write;
    SSL *ssl = ssl_of(bio);
    if (ssl == NULL || bytes == NULL)
        return wrap.write(bio, bytes, length);
    CALL_BEGIN_WRITE(&write, ssl, bytes, length > 0 ? (uint64_t)length : 0);
    int result = wrap.write(bio, bytes, length);
    call_end_write(&write, result > 0 ? (uint64_t)result : 0);
    return result;
}

static int wrapped_read(BIO *bio, char *bytes, int length)
{
    struct call_frame call;
    SSL *ssl = ssl_of(bio);
    if (ssl == NULL || bytes == NULL)
        return wrap.read(bio, bytes, length);
    CALL_BEGIN(&call, CALL_READ, ssl);
    int result = wrap.read(bio, bytes, length);
    call_end_read(&call, bytes, result > 0 ? (uint64_t)result : 0);
    return result;
}

#define METHOD(functions, name) ((name##_type)(functions)[METHOD_##name])

/* Copies `original` into a new method with reading and writing replaced. False: the library is too old or refuses. */
static bool make(void *const *functions, const void *original)
{
    for (unsigned i = 0; i < METHOD_COUNT; i++)
        if (functions[i] == NULL && (i < METHOD_BIO_meth_get_write_ex || i > METHOD_BIO_meth_set_read_ex))
            return false;
    bool has_ex = METHOD(functions, BIO_meth_get_write_ex) != NULL && METHOD(functions, BIO_meth_set_write_ex) != NULL &&
                  METHOD(functions, BIO_meth_get_read_ex) != NULL && METHOD(functions, BIO_meth_set_read_ex) != NULL;
    wrap.ctrl = METHOD(functions, BIO_meth_get_ctrl)(original);
    if (has_ex) {
        wrap.write_ex = METHOD(functions, BIO_meth_get_write_ex)(original);
        wrap.read_ex = METHOD(functions, BIO_meth_get_read_ex)(original);
    }
    wrap.write = METHOD(functions, BIO_meth_get_write)(original);
    wrap.read = METHOD(functions, BIO_meth_get_read)(original);
    bool wide = wrap.write_ex != NULL && wrap.read_ex != NULL;
    if (wrap.ctrl == NULL || (!wide && (wrap.write == NULL || wrap.read == NULL)))
        return false;
    void *method = METHOD(functions, BIO_meth_new)(*(const int *)original /* BIO_TYPE_SSL, with its class bits */, "ssl");
    if (method == NULL)
        return false;
    if (wide) {
        METHOD(functions, BIO_meth_set_write_ex)(method, wrapped_write_ex);
        METHOD(functions, BIO_meth_set_read_ex)(method, wrapped_read_ex);
    } else {
        METHOD(functions, BIO_meth_set_write)(method, wrapped_write);
        METHOD(functions, BIO_meth_set_read)(method, wrapped_read);
    }
    METHOD(functions, BIO_meth_set_puts)(method, METHOD(functions, BIO_meth_get_puts)(original));
    METHOD(functions, BIO_meth_set_gets)(method, METHOD(functions, BIO_meth_get_gets)(original));
    METHOD(functions, BIO_meth_set_ctrl)(method, wrap.ctrl);
    METHOD(functions, BIO_meth_set_create)(method, METHOD(functions, BIO_meth_get_create)(original));
    METHOD(functions, BIO_meth_set_destroy)(method, METHOD(functions, BIO_meth_get_destroy)(original));
    METHOD(functions, BIO_meth_set_callback_ctrl)(method, METHOD(functions, BIO_meth_get_callback_ctrl)(original));
    wrap.original = original;
    wrap.method = method;
    return true;
}

static COLD void make_once(const void *original)
{
#define METHOD_NAME(name, result, parameters) #name,
#define METHOD_HASH(name, result, parameters) elf_hash(#name),
    static const elf_name names[] = {METHOD_FUNCTIONS(METHOD_NAME)};
    const uint32_t hashes[] = {METHOD_FUNCTIONS(METHOD_HASH)};
    if (__atomic_exchange_n(&making, 1, __ATOMIC_ACQUIRE) != 0)
        return; /* another thread is at it; this one's BIO goes unseen */
    void *functions[METHOD_COUNT];
    elf_find_next(names, hashes, METHOD_COUNT, functions);
    if (make(functions, original))
        store_release(&made, 1);
}

SSLC_EXPORT const void *BIO_f_ssl(void)
{
    const struct library *library = library_of(NULL);
    BIO_f_ssl_type original = LIBRARY(library, BIO_f_ssl);
    const void *method = original == NULL ? NULL : original();
    if (method == NULL || load_acquire(&settings.ready) == 0)
        return method;
    if (load_acquire(&made) == 0)
        make_once(method);
    return load_acquire(&made) != 0 && wrap.original == method ? wrap.method : method;
}
