// SPDX-License-Identifier: MIT
/**
 * The agent's side of the capture hook: live programs, and recordings of them.
 *
 * @module
 */
export type {
  CaptureAddress,
  CaptureEnd,
  CaptureGap,
  CaptureGrade,
  CaptureHello,
  CaptureLoss,
  CaptureOpen,
  CaptureProgram,
  CaptureProgramEnd,
  CaptureTarget,
} from "./target.ts";
export {
  HookReceiver,
  type HookReceiverOptions,
  type ReceiverCounters,
  RING_DATA_MAX,
  RING_DATA_MIN,
  TOTAL_MEMORY,
} from "./preload/hook_source.ts";
export {
  RecordingError,
  type RecordingOptions,
  RecordingReader,
  type RecordingSource,
  RecordingWriter,
  type ReplayOptions,
  type ReplayResult,
} from "./recording/reader.ts";
