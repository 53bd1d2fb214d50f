/**
 * The agent's side of the capture hook: live programs, and recordings of them.
 *
 * @module
 */
export type {
  CaptureAddress,
  CaptureDirection,
  CaptureEnd,
  CaptureGrade,
  CaptureHello,
  CaptureOpen,
  CaptureProgram,
  CaptureProgramEnd,
  CaptureTarget,
} from "./capture.ts";
export {
  HookReceiver,
  type HookReceiverOptions,
  type ReceiverCounters,
  RING_DATA_MAX,
  RING_DATA_MIN,
  TOTAL_MEMORY,
} from "./receiver.ts";
export {
  RecordingError,
  type RecordingOptions,
  RecordingReader,
  type RecordingSource,
  RecordingWriter,
  type ReplayOptions,
  type ReplayResult,
} from "./recording.ts";
