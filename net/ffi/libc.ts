// SPDX-License-Identifier: MIT
/**
 * libc through FFI, Linux on x86_64 and arm64 (both LP64 and little-endian; the structures that callers lay out are
 * the same for glibc and musl there). Opened on demand by {@linkcode libc}, never at import.
 *
 * @module
 */

/** glibc, then musl as Alpine names it. */
export const LIBC_NAMES: readonly string[] = [
  "libc.so.6",
  "libc.musl-x86_64.so.1",
  "libc.musl-aarch64.so.1",
];

const SYMBOLS = {
  /** `int *__errno_location(void)` */
  __errno_location: { parameters: [], result: "pointer" },
  /** `int socket(int domain, int type, int protocol)` */
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  /** `int bind(int fd, const struct sockaddr *address, socklen_t length)` */
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  /** `int connect(int fd, const struct sockaddr *address, socklen_t length)` */
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  /** `int getsockname(int fd, struct sockaddr *address, socklen_t *length)` */
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  /** `int getpeername(int fd, struct sockaddr *address, socklen_t *length)` */
  getpeername: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  /** `int shutdown(int fd, int how)` */
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  /** `int listen(int fd, int backlog)` */
  listen: { parameters: ["i32", "i32"], result: "i32" },
  /** `int accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)` */
  accept4: { parameters: ["i32", "pointer", "pointer", "i32"], result: "i32" },
  /** `ssize_t recvmsg(int fd, struct msghdr *message, int flags)` */
  recvmsg: { parameters: ["i32", "buffer", "i32"], result: "isize" },
  /** `ssize_t send(int fd, const void *data, size_t length, int flags)` */
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
  /** The same on another thread; `errno` is not to be had. */
  sendElsewhere: {
    name: "send",
    parameters: ["i32", "buffer", "usize", "i32"],
    result: "isize",
    nonblocking: true,
  },
  /** `ssize_t recv(int fd, void *data, size_t length, int flags)` */
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
  /** `int setns(int fd, int type)`: of the calling thread alone */
  setns: { parameters: ["i32", "i32"], result: "i32" },
  /** `int sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags)`; the address as a number, which measured faster than a pointer or a view made for each frame */
  sendmmsg: { parameters: ["i32", "usize", "u32", "i32"], result: "i32" },
  /** `int getsockopt(int fd, int level, int name, void *value, socklen_t *length)` */
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  /** `int setsockopt(int fd, int level, int name, const void *value, socklen_t length)` */
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  /** `unsigned int if_nametoindex(const char *name)`: 0 when there is none in the network namespace of this thread */
  if_nametoindex: { parameters: ["buffer"], result: "u32" },
  /** `int open(const char *path, int flags, mode_t mode)` (variadic, passed alike on these machines) */
  open: { parameters: ["buffer", "i32", "u32"], result: "i32" },
  /** `int ioctl(int fd, unsigned long request, void *argument)` (variadic, passed alike on these machines) */
  ioctl: { parameters: ["i32", "usize", "buffer"], result: "i32" },
  /** `int close(int fd)` */
  close: { parameters: ["i32"], result: "i32" },
  /** `int dup2(int from, int to)` */
  dup2: { parameters: ["i32", "i32"], result: "i32" },
  /** `ssize_t write(int fd, const void *bytes, size_t length)` */
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  /** The same on another thread; `errno` is not to be had. */
  writeElsewhere: {
    name: "write",
    parameters: ["i32", "buffer", "usize"],
    result: "isize",
    nonblocking: true,
  },
  /** `int flock(int fd, int operation)` */
  flock: { parameters: ["i32", "i32"], result: "i32" },
  /** `int fcntl(int fd, int command, int argument)` */
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  /** `off_t lseek(int fd, off_t offset, int whence)` */
  lseek: { parameters: ["i32", "i64", "i32"], result: "i64" },
  /** `ssize_t pread(int fd, void *bytes, size_t length, off_t offset)` */
  pread: { parameters: ["i32", "buffer", "usize", "i64"], result: "isize" },
  /** `FILE *fopen(const char *path, const char *mode)` */
  fopen: { parameters: ["buffer", "buffer"], result: "pointer" },
  /** `size_t fread(void *bytes, size_t size, size_t count, FILE *stream)`, on another thread; reads until it has them all */
  freadElsewhere: {
    name: "fread",
    parameters: ["buffer", "usize", "usize", "pointer"],
    result: "usize",
    nonblocking: true,
  },
  /** `int fclose(FILE *stream)` */
  fclose: { parameters: ["pointer"], result: "i32" },
  /** `int fstatfs(int fd, struct statfs *status)`; `f_type` is the first word */
  fstatfs: { parameters: ["i32", "buffer"], result: "i32" },
  /** `int ftruncate(int fd, off_t length)` */
  ftruncate: { parameters: ["i32", "i64"], result: "i32" },
  /** `int fallocate(int fd, int mode, off_t offset, off_t length)` */
  fallocate: { parameters: ["i32", "i32", "i64", "i64"], result: "i32" },
  /** The same on another thread; `errno` is not to be had. */
  fallocateElsewhere: {
    name: "fallocate",
    parameters: ["i32", "i32", "i64", "i64"],
    result: "i32",
    nonblocking: true,
  },
  /** `void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)` */
  mmap: { parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"], result: "pointer" },
  /** `int munmap(void *address, size_t length)` */
  munmap: { parameters: ["pointer", "usize"], result: "i32" },
  /** `int madvise(void *address, size_t length, int advice)`; the address as a number */
  madvise: { parameters: ["usize", "usize", "i32"], result: "i32" },
  /** `int poll(struct pollfd *entries, nfds_t count, int timeout_ms)` */
  poll: { parameters: ["buffer", "usize", "i32"], result: "i32" },
  /** `int adjtimex(struct timex *clock)` */
  adjtimex: { parameters: ["buffer"], result: "i32" },
  /** `const char *gnu_get_libc_version(void)`: of glibc alone */
  gnu_get_libc_version: { parameters: [], result: "pointer", optional: true },
  /** `int malloc_trim(size_t kept)`: of glibc alone */
  malloc_trim: { parameters: ["usize"], result: "i32", optional: true },
  /** `int kill(pid_t pid, int signal)` */
  kill: { parameters: ["i32", "i32"], result: "i32" },
  /** `long syscall(SYS_pidfd_open, pid_t pid, unsigned flags)` */
  pidfd_open: { name: "syscall", parameters: ["i64", "i64", "i64"], result: "i64" },
} as const satisfies Deno.ForeignLibraryInterface;

export type Libc = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

export const SYS_PIDFD_OPEN = 434n;

export const EPERM = 1;
export const ESRCH = 3;
export const EINTR = 4;
export const EAGAIN = 11;
export const EBUSY = 16;
export const EMFILE = 24;
export const ENFILE = 23;
export const ENOPROTOOPT = 92;
export const EAFNOSUPPORT = 97;

const ERROR_NAMES: Record<number, string> = {
  1: "EPERM",
  2: "ENOENT",
  3: "ESRCH",
  4: "EINTR",
  9: "EBADF",
  11: "EAGAIN",
  12: "ENOMEM",
  13: "EACCES",
  16: "EBUSY",
  17: "EEXIST",
  19: "ENODEV",
  20: "ENOTDIR",
  22: "EINVAL",
  23: "ENFILE",
  24: "EMFILE",
  27: "EFBIG",
  28: "ENOSPC",
  30: "EROFS",
  32: "EPIPE",
  36: "ENAMETOOLONG",
  95: "EOPNOTSUPP",
  97: "EAFNOSUPPORT",
  98: "EADDRINUSE",
  100: "ENETDOWN",
  111: "ECONNREFUSED",
};

/** A failed call, named as C names it. */
export function errnoName(errno: number): string {
  return ERROR_NAMES[errno] ?? `errno ${errno}`;
}

let opened: Libc | undefined;

/**
 * Opens the first of `names` that is there.
 *
 * @throws {Deno.errors.NotSupported} if none can be opened; names what was tried.
 */
export function openLibrary<const S extends Deno.ForeignLibraryInterface>(
  names: readonly string[],
  symbols: S,
): Deno.DynamicLibrary<S> {
  const failures: string[] = [];
  for (const name of names) {
    try {
      return Deno.dlopen(name, symbols);
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) throw error;
      failures.push(`${name}: ${(error as Error).message}`);
    }
  }
  throw new Deno.errors.NotSupported(`Cannot open a C library: ${failures.join("; ")}`);
}

/** libc's symbols, opened at the first call and kept. */
export function libc(): Libc {
  return opened ??= openLibrary(LIBC_NAMES, SYMBOLS).symbols;
}

let errnoView: Deno.UnsafePointerView | undefined;

/** `errno` of the synchronous call just made on this thread; meaningless after a `nonblocking` one. */
export function errno(): number {
  // Its place stays where it is as long as the thread lives, and no other thread has this module.
  errnoView ??= new Deno.UnsafePointerView(libc().__errno_location()!);
  return errnoView.getInt32(0);
}

const encoder = new TextEncoder();

/** A NUL-terminated C string. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(`${text}\0`);
}

/** Whether mmap's answer is `MAP_FAILED` (or, never seen, null). */
export function isMapFailed(address: Deno.PointerValue): address is null {
  return address === null || Deno.UnsafePointer.value(address) === 0xffff_ffff_ffff_ffffn;
}
