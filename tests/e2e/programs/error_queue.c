// SPDX-License-Identifier: MIT
// Makes calls of OpenSSL that fail, and some that do not, and prints what each leaves behind: its result, the kind of its error,
// errno and the error queue. Arguments: certificate, key. Both ends are in this process, joined by memory.
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void print_queue(void) {
  for (unsigned long code; (code = ERR_get_error()) != 0;) {
    char text[256];
    ERR_error_string_n(code, text, sizeof text);
    printf("  %s\n", text);
  }
}

/* errno is set to a value that no call returns, so that every change of it shows. */
#define SHOW(session, call)                                                                                   \
  do {                                                                                                        \
    errno = 12345;                                                                                            \
    long result = (long)(call);                                                                               \
    int left = errno;                                                                                         \
    printf("%s: %ld, error %d, errno %d\n", #call, result, SSL_get_error(session, (int)result), left);        \
    print_queue();                                                                                            \
  } while (0)

static void join(SSL *one, SSL *other) {
  BIO *near, *far;
  if (!BIO_new_bio_pair(&near, 0, &far, 0)) abort();
  SSL_set_bio(one, near, near);
  SSL_set_bio(other, far, far);
}

static void shake_hands(SSL *client, SSL *server) {
  for (int done = 0; done != 3;) {
    done = (SSL_do_handshake(client) == 1) | (SSL_do_handshake(server) == 1) << 1;
    ERR_clear_error();
  }
}

static SSL *session(SSL_CTX *context, int is_server) {
  SSL *made = SSL_new(context);
  if (is_server) SSL_set_accept_state(made);
  else SSL_set_connect_state(made);
  return made;
}

static void fail_before_the_handshake(SSL_CTX *context) {
  char buffer[64];
  size_t count = 77;
  SSL *fresh = SSL_new(context);
  SHOW(fresh, SSL_read(fresh, buffer, sizeof buffer));
  SHOW(fresh, SSL_write(fresh, "x", 1));
  SHOW(fresh, SSL_write_ex(fresh, "x", 1, &count));
  SHOW(fresh, SSL_peek(fresh, buffer, sizeof buffer));
  SHOW(fresh, SSL_shutdown(fresh));
  SHOW(fresh, SSL_read(fresh, buffer, -1));
  printf("count %zu\n", count);
  SSL_free(fresh);
}

static void fail_on_rubbish(SSL_CTX *context) {
  char buffer[64];
  SSL *client = session(context, 0);
  BIO *in = BIO_new_mem_buf("this is no record of TLS", -1);
  SSL_set_bio(client, in, BIO_new(BIO_s_mem()));
  SHOW(client, SSL_read(client, buffer, sizeof buffer));
  SHOW(client, SSL_write(client, "x", 1));
  SSL_free(client);
}

static void fail_on_a_socket(SSL_CTX *context) {
  int ends[2];
  char buffer[64];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) abort();
  close(ends[1]);
  SSL *client = session(context, 0);
  SSL_set_fd(client, ends[0]);
  SHOW(client, SSL_write(client, "x", 1));
  SHOW(client, SSL_read(client, buffer, sizeof buffer));
  close(ends[0]);
  SHOW(client, SSL_write(client, "x", 1));
  SSL_free(client);
}

static void talk(SSL_CTX *context) {
  char buffer[64], other[64];
  size_t count;
  SSL *client = session(context, 0), *server = session(context, 1);
  join(client, server);
  shake_hands(client, server);
  SHOW(client, SSL_read(client, buffer, sizeof buffer));
  ERR_raise_data(ERR_LIB_USER, 1, "left by the program");
  SHOW(client, SSL_write(client, "four", 4));
  ERR_raise_data(ERR_LIB_USER, 2, "left by the program");
  SHOW(server, SSL_read(server, buffer, 2));
  SHOW(server, SSL_pending(server));
  SHOW(server, SSL_read_ex(server, buffer, sizeof buffer, &count));
  SHOW(client, SSL_write(client, "", 0));
  SHOW(client, SSL_write_ex(client, "", 0, &count));
  SHOW(client, SSL_sendfile(client, 0, 0, 10, 0));
  static char large[200000];
  SHOW(client, SSL_write(client, large, sizeof large));
  SHOW(client, SSL_write(client, other, sizeof other));
  SHOW(client, SSL_write(client, large, sizeof large));
  for (int left = 20; left > 0 && SSL_read_ex(server, other, sizeof other, &count); left--) ERR_clear_error();
  SHOW(server, SSL_shutdown(server));
  SHOW(server, SSL_write(server, "x", 1));
  SSL_clear(client);
  SHOW(client, SSL_read(client, buffer, sizeof buffer));
  SSL_free(client);
  SSL_free(server);
}

static void end_without_a_word(SSL_CTX *context) {
  char buffer[64];
  SSL *client = session(context, 0), *server = session(context, 1);
  join(client, server);
  shake_hands(client, server);
  BIO *end = BIO_new(BIO_s_mem());
  BIO_set_mem_eof_return(end, 0);
  SSL_set0_rbio(client, end);
  SHOW(client, SSL_read(client, buffer, sizeof buffer));
  SHOW(client, SSL_read(client, buffer, sizeof buffer));
  SHOW(client, SSL_write(client, "x", 1));
  SSL_free(client);
  SSL_free(server);
}

static void through_a_bio(SSL_CTX *context) {
  char buffer[64];
  BIO *bio = BIO_new_ssl(context, 1);
  SSL *inner;
  BIO_get_ssl(bio, &inner);
  BIO_push(bio, BIO_new_mem_buf("this is no record of TLS", -1));
  SHOW(inner, BIO_read(bio, buffer, sizeof buffer));
  SHOW(inner, BIO_write(bio, "x", 1));
  SHOW(inner, BIO_puts(bio, "x"));
  SHOW(inner, BIO_flush(bio));
  BIO_free_all(bio);
}

int main(int argc, char **argv) {
  signal(SIGPIPE, SIG_IGN);
  SSL_CTX *context = SSL_CTX_new(TLS_method());
  if (argc != 3 || !SSL_CTX_use_certificate_file(context, argv[1], SSL_FILETYPE_PEM) ||
      !SSL_CTX_use_PrivateKey_file(context, argv[2], SSL_FILETYPE_PEM))
    return 2;
  fail_before_the_handshake(context);
  fail_on_rubbish(context);
  fail_on_a_socket(context);
  talk(context);
  end_without_a_word(context);
  through_a_bio(context);
  SSL_CTX_free(context);
  return 0;
}
