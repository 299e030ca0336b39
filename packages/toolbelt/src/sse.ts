export { type EventStreamOptions, events } from './sse/events.ts'
export { parseEvents, type ParseEventsOptions, type ServerSentEvent } from './sse/parse-events.ts'
