// SPDX-License-Identifier: MIT
/**
 * Library entry: the codec contract for plugin authors, and the pipeline for those who bring their own capture source
 * or sink.
 *
 * @module
 */
export {
  type Codec,
  CODEC_CONTRACT,
  type CodecFlow,
  type CodecOutput,
  type CodecSample,
  type CodecSession,
  type CodecVerdict,
  type Direction,
  type Lane,
  TO_CLIENT,
  TO_SERVER,
} from "./codecs/codec.ts";
export { http2to1, type Http2To1Options } from "./codecs/http2to1/codec.ts";
export { raw } from "./codecs/raw.ts";
export { BUILT_IN_CODECS, checkCodec } from "./codecs/registry.ts";
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
} from "./net/capture/target.ts";
export {
  HookReceiver,
  type HookReceiverOptions,
  RecordingError,
  RecordingReader,
  RecordingWriter,
} from "./net/capture/mod.ts";
export { Counters } from "./net/mirror/counters.ts";
export type { Endpoint, FlowKey } from "./net/wire/flow_key.ts";
export type { ForgeSettings } from "./net/forge/settings.ts";
export { InitialSequenceNumbers } from "./net/forge/isn.ts";
export { type PacketBatch, PacketBuffer, type PacketBufferOptions } from "./net/forge/packet_batch.ts";
export { Pipeline, type PipelineObserver, type PipelineOptions } from "./net/mirror/pipeline.ts";
export { RemoteReceiver } from "./net/collector/collector.ts";
export { RemoteSink, type RemoteSinkOptions } from "./net/link/remote_sink.ts";
export { RouterSink } from "./net/link/router_sink.ts";
export type { Sink, SinkCounters } from "./net/sinks/sink.ts";
export type { CaptureFile, SinkKind, SinkSpec } from "./net/sinks/kind.ts";
export { SINK_KINDS } from "./net/sinks/list.ts";
export { parseSinkSpec } from "./net/sinks/spec.ts";
