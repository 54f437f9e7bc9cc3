// Package scenario runs unit tests of label configurations: events in order of
// arrival, and what must come of them. The events go through the real engine
// and the real store, over memory.
//
// A test file is YAML. It names a configuration, or holds the blocks of one
// (join, labels, and what else the rows depend on) beside its tests:
//
//	config: labeljoin.yaml                # relative to the test file
//	tests:
//	  - name: a click inside the window, then silence
//	    start: 2026-01-01T00:00:00Z       # optional: what offsets count from
//	    events:
//	      - request: {request_id: r1, ts: 0s, items: [{item_id: a}, {item_id: b}]}
//	      - outcome: {request_id: r1, outcome_id: o1, type: click, item_id: a, ts: 40s}
//	      - watermark: 31m
//	    open: []
//	    rows:
//	      - {request_id: r1, item_id: a, clicked: 1, clicked_ts: 40s}
//	      - {request_id: r1, item_id: b, clicked: 0}
//	    counts: {joined: 1, orphan: 0}
//
// Times are offsets from the start (40s, -1s, 2d, 30m1ns) or RFC 3339. What can
// stand in the list of events:
//
//	request: {...}     a request in its native form; anything unknown in it is an error
//	outcome: {...}     an outcome, likewise
//	raw: '...'         bytes as they are, with kind: request or kind: outcome
//	heartbeat: {source: outcomes, ts: 31m}
//	watermark: 31m     both sources have been read up to here, exactly
//	caught_up: {source: outcomes, at: 31m}
//	                   the broker's answer that nothing is pending, by its own clock;
//	                   without a source, of both
//	end: true          the input is complete; nothing may follow
//	restart: true      the engine stops and starts again on its state
//	rebuild: true      the same with the state deleted: it is read from the log again
//	gap: {from, to}    somebody declares that outcomes are missing; source: requests, quiet: true
//	expect: {...}      what must have come of it so far
//
// A request, outcome, heartbeat or raw may have beside it `stored`, the broker's
// time of its message; without it there is no broker, and no max_future and
// max_age.
//
// What is expected, after all events or in an expect between them, where
// everything that has closed by then is committed first:
//
//	open: [r1]         ids of the requests that are pending
//	rows: [{...}]      exactly the rows written so far, each at its latest revision,
//	                   in any order; columns not named are not compared
//	counts: {...}      dispositions, as SEMANTICS.md names them, of both kinds
//	                   together or under requests: and outcomes:, and pending,
//	                   rows, unseen, sampled_out, heartbeats, unknown_fields
//	dead_letters: [not_json]  reasons of what was rejected or quarantined, in order
//	published: [{...}] exactly the messages of the label stream, without repetitions,
//	                   in any order; compared as rows are, with the columns
//	                   request_id, request_ts, item_id, phase, revision and labels
//
// A test with `replay: true` reads all events first, as a replay of a log does,
// and with `replay: complete` as one with --complete.
package scenario
