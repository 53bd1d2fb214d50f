// SPDX-License-Identifier: MIT
/** Whether waiting in a loop lets the event loop turn. @module */

/** How often `wait` settles before a timer that is due has had its turn; `most` where it never does. */
export async function timesBeforeTimer(wait: () => Promise<void>, most: number): Promise<number> {
  let isOver = false;
  const timer = setTimeout(() => isOver = true, 0);
  let times = 0;
  for (; !isOver && times < most; times++) await wait();
  clearTimeout(timer);
  return times;
}
