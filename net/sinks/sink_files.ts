// SPDX-License-Identifier: MIT
/** What a sink tells of files that it writes, so that a later run can go on with them. @module */

/** A file, told from others that were or will be in its place, and its length in bytes. */
export interface FileProgress {
  /** Absolute. */
  readonly path: string;
  /** Number of the device that it is on. */
  readonly device: number;
  /** Number of the file there; null where there are none. */
  readonly inode: number | null;
  /** Bytes. */
  readonly size: number;
}

/** A file of this run; one that was begun again where it is, since another program had cut it, counts as another. */
export interface NumberedFile extends FileProgress {
  /** Counts a run's files, from 1. */
  readonly number: number;
}

/** The files of one sink, one after the other. */
export interface SinkFiles {
  /** The file that is being written, or was last, and all that was written to it. */
  readonly progress: NumberedFile;
  /** Number of the oldest file of this run that the sink still has: older ones were deleted, or others took them away. */
  readonly oldest: number;
  /** Files that were begun after the one of this number, oldest first, with a size of 0. */
  begunAfter(number: number): NumberedFile[];
}
