/* SPDX-License-Identifier: MIT */
/* Interposed functions that end in a jump: the original finds stack, return address and argument registers as the caller left
 * them. A wrapper that called it could not forward a variable number of arguments, nor be taken for the caller. */
#ifndef SSLC_JUMP_H
#define SSLC_JUMP_H

/* Defines and exports `name`. `target`, a function of this file, is called with the first four arguments and returns where to
 * jump; `missing` is a place to jump to that answers with the number `value`. */
#if defined(__x86_64__)
#define JUMP_FUNCTION(name, target, missing, value) \
    __asm__(".text\n"                               \
            ".globl " name "\n"                     \
            ".type " name ", @function\n"           \
            name ":\n"                              \
            "    .cfi_startproc\n"                  \
            "    endbr64\n"                         \
            "    push %rdi\n"                       \
            "    push %rsi\n"                       \
            "    push %rdx\n"                       \
            "    push %rcx\n"                       \
            "    push %r8\n"                        \
            "    push %r9\n"                        \
            "    sub $8, %rsp\n"                    \
            "    .cfi_def_cfa_offset 64\n"          \
            "    call " target "\n"                 \
            "    add $8, %rsp\n"                    \
            "    pop %r9\n"                         \
            "    pop %r8\n"                         \
            "    pop %rcx\n"                        \
            "    pop %rdx\n"                        \
            "    pop %rsi\n"                        \
            "    pop %rdi\n"                        \
            "    .cfi_def_cfa_offset 8\n"           \
            "    jmp *%rax\n"                       \
            "    .cfi_endproc\n"                    \
            ".size " name ", . - " name "\n"        \
            ".type " missing ", @function\n"        \
            missing ":\n"                           \
            "    mov $" value ", %rax\n"            \
            "    ret\n"                             \
            ".size " missing ", . - " missing "\n")
#else
#define JUMP_FUNCTION(name, target, missing, value) \
    __asm__(".text\n"                               \
            ".globl " name "\n"                     \
            ".type " name ", %function\n"           \
            name ":\n"                              \
            "    .cfi_startproc\n"                  \
            "    stp x29, x30, [sp, #-80]!\n"       \
            "    .cfi_def_cfa_offset 80\n"          \
            "    .cfi_offset 29, -80\n"             \
            "    .cfi_offset 30, -72\n"             \
            "    stp x0, x1, [sp, #16]\n"           \
            "    stp x2, x3, [sp, #32]\n"           \
            "    stp x4, x5, [sp, #48]\n"           \
            "    stp x6, x7, [sp, #64]\n"           \
            "    bl " target "\n"                   \
            "    mov x16, x0\n"                     \
            "    ldp x0, x1, [sp, #16]\n"           \
            "    ldp x2, x3, [sp, #32]\n"           \
            "    ldp x4, x5, [sp, #48]\n"           \
            "    ldp x6, x7, [sp, #64]\n"           \
            "    ldp x29, x30, [sp], #80\n"         \
            "    .cfi_def_cfa_offset 0\n"           \
            "    br x16\n"                          \
            "    .cfi_endproc\n"                    \
            ".size " name ", . - " name "\n"        \
            ".type " missing ", %function\n"        \
            missing ":\n"                           \
            "    mov x0, #" value "\n"              \
            "    ret\n"                             \
            ".size " missing ", . - " missing "\n")
#endif

#endif
