// SPDX-License-Identifier: MIT
/**
 * The library's face: agents and collectors out of plain settings ({@linkcode startAgent}, {@linkcode startCollector}), the
 * codec contract for those who write plugins, and the contracts of sources and sinks for those who bring their own.
 *
 * Messages go to LogTape, category `sslcollector`, and are seen where that is configured. Bytes that are handed to a
 * function are borrowed for the call unless it says otherwise. A setting that is wrong is a {@linkcode BadSetting}.
 *
 * @module
 */
export {
  type BooleanSetting,
  type Codec,
  CODEC_CONTRACT,
  type CodecFace,
  type CodecFlow,
  type CodecOutput,
  type CodecPlugin,
  type CodecRewriter,
  type CodecSample,
  type CodecSession,
  type CodecSetting,
  type CodecSettings,
  type CodecValues,
  type CodecVerdict,
  type CodecWarmUp,
  type CodecWithSettings,
  type Direction,
  type Lane,
  type NumberSetting,
  type SettingFace,
  type SettingValue,
  type TextSetting,
  TO_CLIENT,
  TO_SERVER,
  type WordSetting,
} from "./codecs/codec.ts";
export { decode, type DecodeOptions } from "./codecs/decode/codec.ts";
export type { BlockLimits } from "./codecs/http2/block_reader.ts";
export type { ConnectionLimits } from "./codecs/http2/connection.ts";
export { http2to1, type Http2To1Options, type LanePolicy } from "./codecs/http2to1/codec.ts";
export { raw } from "./codecs/raw.ts";
export { BUILT_IN_CODECS, checkCodec, configureCodec } from "./codecs/registry.ts";
export { type CodecWords, splitWords } from "./codecs/settings.ts";

// Agents.
export { type Agent, startAgent } from "./net/agent/agent.ts";
export type { AgentSettings, TargetSettings } from "./net/agent/settings.ts";
export type { ChoiceSettings } from "./net/agent/choice.ts";
export { booksJson, type MirrorBooks, totalOf } from "./net/agent/books.ts";
export { type AgentObserver, flowLine, type MirroredFlow } from "./net/agent/observer.ts";
export { hookLibraryPath } from "./net/agent/hook_library.ts";
export { defaultRuntimeDir } from "./net/agent/runtime_dir.ts";
export type { Attribution, Grade } from "./net/mirror/attribution.ts";
export { Counters, type PerDirection } from "./net/mirror/counters.ts";
export type { FlowState } from "./net/mirror/flow.ts";
export type { FlowEnd } from "./net/mirror/flow_table.ts";
export type { ProgramRow } from "./net/mirror/program_books.ts";

// What is read out of the clear text.
export type { ViewSettings } from "./net/agent/view.ts";
export { type CaptureSummary, readCapture, type ReadSettings } from "./net/agent/read.ts";
export type { EntryReader } from "./net/view/view.ts";
export {
  type Cut,
  type Entry,
  type EntryBase,
  type Exchange,
  type ExchangeRow,
  type Field,
  type FlowEntry,
  HeadText,
  type KeptBody,
  type MessageRow,
  type Remark,
  type Row,
  type SocketMessage,
} from "./net/view/exchange.ts";
export type { FlowFacts, FlowPeer } from "./net/view/flow_facts.ts";
export { type PlainBody, plainBody } from "./net/view/body.ts";
export { BadFilter } from "./net/filter/expression.ts";
export { type Filter, FILTER_FIELDS, parseFilter } from "./net/view/filter.ts";

// Where clear text comes from.
export {
  type CaptureSource,
  hookSource,
  type HookSourceOptions,
  openRecording,
  type OpenSource,
  RecordingError,
  type RecordingSourceOptions,
  type SourceContext,
  type SourceCounters,
} from "./net/agent/source.ts";
export { probeSource, type ProbeSourceOptions } from "./net/agent/probe_source.ts";
export type {
  CaptureAddress,
  CaptureEnd,
  CaptureGap,
  CaptureGrade,
  CaptureHello,
  CaptureInterface,
  CaptureLink,
  CaptureLoss,
  CaptureOpen,
  CaptureProgram,
  CaptureProgramEnd,
  CaptureSighting,
  CaptureTarget,
  CaptureWire,
} from "./net/capture/target.ts";

// Collectors, and how agents reach them.
export { type Collector, startCollector } from "./net/collector/collector.ts";
export type { CollectorSettings } from "./net/collector/settings.ts";
export { type AgentRow, type CollectorBooks, collectorBooksJson } from "./net/collector/books.ts";
export { defaultStatePath } from "./net/collector/state_path.ts";
export { parseTarget, type RemoteTarget } from "./net/link/target.ts";

// Certificates of both.
export { type CertificateRequest, daysFrom, type Validity } from "./net/pki/issue.ts";
export {
  initAuthority,
  issueInto,
  listCertificates,
  type Listed,
  renewIn,
  requestInto,
  revokeIn,
} from "./net/pki/store.ts";
export type { CertificateFacts } from "./net/pki/certificate_facts.ts";
export type { Role } from "./net/pki/credentials.ts";

// Settings of both.
export { CLEAR_PORTS } from "./net/settings/limits.ts";
export { BadSetting, type SettingText } from "./net/settings/bad_setting.ts";
export type { CredentialSettings } from "./net/settings/credentials.ts";
export type { StatusSettings } from "./net/settings/status.ts";
export type { PageSettings } from "./net/settings/page.ts";
export type { RingReport } from "./net/status/report.ts";
export type { SinkBooks } from "./net/settings/sink_books.ts";
export type { RotationSettings, SinkSetting } from "./net/settings/sinks.ts";
export { surviveFileSizeLimit } from "./net/ffi/file_size_limit.ts";

// Where packets go, and what is in them.
export type { MirroredPacket, PacketCallback } from "./net/sinks/callback.ts";
export type { CaptureFile, SinkKind, SinkSpec } from "./net/sinks/kind.ts";
export { SINK_KINDS } from "./net/sinks/list.ts";
export type { RemoteState, Sink, SinkCounters } from "./net/sinks/sink.ts";
export type { FileProgress, NumberedFile, SinkFiles } from "./net/sinks/sink_files.ts";
export type { SinkOptions } from "./net/sinks/sink_options.ts";
export { parseSinkSpec } from "./net/sinks/spec.ts";
export { FrameCursor, type PacketBatch } from "./net/forge/packet_batch.ts";
export { type FlowKey, formatFlowKey, formatSocketAddress, type SocketAddress } from "./net/wire/flow_key.ts";
export { parseSegment, type TcpSegment } from "./net/wire/segment.ts";
