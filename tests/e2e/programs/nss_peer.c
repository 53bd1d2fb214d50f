/* SPDX-License-Identifier: MIT */
/* nss_peer client DATABASE PORT | server DATABASE, then how: one end of a connection over NSS. The client sends 300,000 bytes, then the server
 * 200,000; each end fails unless it gets what the other sent. The server prints its port, and each end on standard error every error of
 * NSPR's that was set while a call succeeded.
 *
 * How: plain; recv: with the functions of sockets; again: sends that the socket does not take are called again; parts: from
 * several pieces; layer: through a layer above, which calls the one below by its methods; force: with the handshake before; mixed: with bytes
 * of a file read by the same functions before, and looks at what is to come; direct: by functions that the program has asked the loader for in
 * NSPR itself; halfway: sends so, and receives as others do; reused: closes the session by its method, and reads files by descriptors that stand
 * where it stood. */
#include <dlfcn.h>
#include <netinet/in.h>
#include <nspr.h>
#include <nss.h>
#include <pk11pub.h>
#include <private/pprio.h>
#include <ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define TO_SERVER 300000
#define TO_CLIENT 200000
#define UNTOUCHED (-42)
#define NO_TIMEOUT PR_INTERVAL_NO_TIMEOUT

static const char *how;

static int is(const char *way)
{
    return strcmp(how, way) == 0;
}

static int fail(const char *what)
{
    fprintf(stderr, "%s: %d\n", what, PR_GetError());
    exit(1);
}

static unsigned char pattern(size_t at, int to_client)
{
    return (unsigned char)(at * 7 + at / 251 + (to_client ? 99 : 0));
}

static void wait_for(PRFileDesc *file, PRInt16 events)
{
    PRPollDesc entry = {file, events, 0};
    PR_Poll(&entry, 1, NO_TIMEOUT);
}

static void *direct(const char *name)
{
    return dlsym(dlopen("libnspr4.so", RTLD_LAZY), name);
}

static PRInt32 send_some(PRFileDesc *file, const unsigned char *bytes, PRInt32 length)
{
    char *text = (char *)bytes;
    if (is("parts") && length > 40000) {
        PRIOVec parts[4] = {{text, 10}, {text + 10, 0}, {text + 10, 20000}, {text + 20010, length - 20010}};
        return PR_Writev(file, parts, 4, NO_TIMEOUT);
    }
    if (is("direct") || is("halfway"))
        return ((PRInt32(*)(PRFileDesc *, const void *, PRInt32))direct("PR_Write"))(file, bytes, length);
    return is("recv") ? PR_Send(file, bytes, length, 0, NO_TIMEOUT) : PR_Write(file, bytes, length);
}

static void send_all(PRFileDesc *file, PRInt32 total, int to_client)
{
    unsigned char *bytes = malloc((size_t)total);
    for (PRInt32 i = 0; i < total; i++)
        bytes[i] = pattern((size_t)i, to_client);
    for (PRInt32 at = 0; at < total;) {
        PR_SetError(UNTOUCHED, 0);
        PRInt32 result = send_some(file, bytes + at, total - at);
        if (result < 0 && PR_GetError() == PR_WOULD_BLOCK_ERROR) {
            wait_for(file, PR_POLL_WRITE);
            continue;
        }
        if (result <= 0)
            fail("send");
        if (at != 0 && PR_GetError() != UNTOUCHED && !is("again")) /* where NSS sends a part, it says why */
            fprintf(stderr, "sent with %d\n", PR_GetError());
        at += result;
    }
    memset(bytes, 0, (size_t)total); /* nothing is read later than the call allows */
    free(bytes);
}

static PRInt32 receive_some(PRFileDesc *file, unsigned char *bytes, PRInt32 room)
{
    if (is("mixed"))
        PR_Recv(file, bytes, 10, PR_MSG_PEEK, NO_TIMEOUT);
    if (is("direct"))
        return ((PRInt32(*)(PRFileDesc *, void *, PRInt32))direct("PR_Read"))(file, bytes, room);
    return is("recv") || is("mixed") ? PR_Recv(file, bytes, room, 0, NO_TIMEOUT) : PR_Read(file, bytes, room);
}

static void receive_all(PRFileDesc *file, PRInt32 total, int to_client)
{
    static unsigned char bytes[1 << 16];
    for (PRInt32 at = 0; at < total;) {
        PR_SetError(UNTOUCHED, 0);
        PRInt32 result = receive_some(file, bytes, sizeof bytes);
        if (result < 0 && PR_GetError() == PR_WOULD_BLOCK_ERROR) {
            wait_for(file, PR_POLL_READ);
            continue;
        }
        if (result <= 0)
            fail("receive");
        if (at != 0 && PR_GetError() != UNTOUCHED)
            fprintf(stderr, "received with %d\n", PR_GetError());
        for (PRInt32 i = 0; i < result; i++)
            if (bytes[i] != pattern((size_t)(at + i), to_client))
                fail("other bytes");
        at += result;
    }
}

/* ---- A layer above NSS's ---- */

static PRInt32 read_below(PRFileDesc *file, void *bytes, PRInt32 length)
{
    return file->lower->methods->read(file->lower, bytes, length);
}

static PRInt32 write_below(PRFileDesc *file, const void *bytes, PRInt32 length)
{
    return file->lower->methods->write(file->lower, bytes, length);
}

static void push_layer(PRFileDesc *file)
{
    static PRIOMethods methods;
    methods = *PR_GetDefaultIOMethods();
    methods.read = read_below;
    methods.write = write_below;
    PRFileDesc *layer = PR_CreateIOLayerStub(PR_GetUniqueIdentity("above"), &methods);
    if (PR_PushIOLayer(file, PR_GetLayersIdentity(file), layer) != PR_SUCCESS)
        fail("push");
}

/* ---- The connection ---- */

static PRFileDesc *connection(int is_server, const char *port)
{
    PRNetAddr address;
    PRFileDesc *file = PR_OpenTCPSocket(PR_AF_INET);
    PR_InitializeNetAddr(PR_IpAddrLoopback, is_server ? 0 : (PRUint16)atoi(port), &address);
    if (!is_server) {
        if (PR_Connect(file, &address, NO_TIMEOUT) != PR_SUCCESS)
            fail("connect");
        return file;
    }
    if (PR_Bind(file, &address) != PR_SUCCESS || PR_Listen(file, 1) != PR_SUCCESS ||
        PR_GetSockName(file, &address) != PR_SUCCESS)
        fail("listen");
    printf("%d\n", PR_ntohs(address.inet.port));
    fflush(stdout);
    return PR_Accept(file, NULL, NO_TIMEOUT);
}

static SECStatus accept_certificate(void *context, PRFileDesc *file, PRBool checks, PRBool is_server)
{
    (void)context;
    (void)file;
    (void)checks;
    (void)is_server;
    return SECSuccess;
}

static PRFileDesc *secure(PRFileDesc *file, int is_server)
{
    static const unsigned char protocols[] = "\007pattern";
    PRFileDesc *session = SSL_ImportFD(NULL, file);
    if (session == NULL)
        fail("import");
    SSL_SetNextProtoNego(session, protocols, sizeof protocols - 1);
    if (is_server) {
        CERTCertificate *certificate = PK11_FindCertFromNickname("peer", NULL);
        SECKEYPrivateKey *key = certificate == NULL ? NULL : PK11_FindKeyByAnyCert(certificate, NULL);
        if (key == NULL || SSL_ConfigServerCert(session, certificate, key, NULL, 0) != SECSuccess)
            fail("certificate");
    } else {
        SSL_AuthCertificateHook(session, accept_certificate, NULL);
        SSL_SetURL(session, "peer.example");
    }
    if (SSL_ResetHandshake(session, is_server) != SECSuccess)
        fail("reset");
    return session;
}

static void block_never(PRFileDesc *file)
{
    PRSocketOptionData option = {.option = PR_SockOpt_Nonblocking, .value.non_blocking = PR_TRUE};
    PR_SetSocketOption(file, &option);
    int small = 4096;
    setsockopt(PR_FileDesc2NativeHandle(file), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
}

static PRFileDesc *read_file(void)
{
    unsigned char bytes[64];
    PRFileDesc *file = PR_Open("/etc/passwd", PR_RDONLY, 0);
    if (file == NULL || PR_Read(file, bytes, sizeof bytes) <= 0)
        fail("file");
    return file;
}

static int close_by_method(PRFileDesc *session)
{
    if (session->methods->close(session) != PR_SUCCESS)
        return 4;
    int files = 0;
    while (files < 500 && read_file() != session)
        files++;
    if (files < 500)
        return 0;
    fprintf(stderr, "no file has the session's descriptor\n");
    return 5;
}

int main(int argc, char **argv)
{
    int is_server = argc == 4;
    if (argc != 4 && argc != 5)
        return 2;
    how = argv[argc - 1];
    if (NSS_Init(argv[2]) != SECSuccess || NSS_SetDomesticPolicy() != SECSuccess ||
        (is_server && SSL_ConfigServerSessionIDCache(0, 0, 0, NULL) != SECSuccess))
        fail("init");
    PRFileDesc *file = connection(is_server, argv[3]);
    if (is("again"))
        block_never(file);
    PRFileDesc *session = secure(file, is_server);
    if (is("layer"))
        push_layer(session);
    if (is("force") && SSL_ForceHandshake(session) != SECSuccess)
        fail("handshake");
    if (is("mixed"))
        PR_Close(read_file());
    if (is_server)
        receive_all(session, TO_SERVER, 0);
    send_all(session, is_server ? TO_CLIENT : TO_SERVER, is_server);
    if (!is_server)
        receive_all(session, TO_CLIENT, 1);
    if (is("reused"))
        return close_by_method(session);
    return PR_Close(session) == PR_SUCCESS ? 0 : 4;
}
