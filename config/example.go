package config

// Example is a commented configuration that works as it is: what
// `labeljoin config init` writes.
func Example() []byte { return []byte(example) }

const example = `# labeljoin: joins inference requests with their outcomes into labeled Parquet.
# Check it with:  labeljoin config check labeljoin.yaml
# What a setting means:  labeljoin config reference [SETTING]
#
# Durations are written 90s, 30m, 1h30m, 7d, 2w; sizes 64KiB, 128MiB.
# Relative paths are relative to this file's folder.

name: feed

# Where the NATS server is. A list of URLs names the servers of one cluster.
nats:
  url: nats://127.0.0.1:4222
  # embedded: true                # instead of url: a server in this process, on loopback
  # port: 4222                    # of the embedded server; 0 takes a free one
  # How to log in: one of these. Secrets come from the environment or from files.
  # creds: feed.creds
  # nkey: feed.nk
  # token: ${NATS_TOKEN}          # or token_file: feed.token
  # user: ${NATS_USER}
  # password: ${NATS_PASSWORD}    # or password_file: feed.password
  # tls: {ca: ca.pem, cert: client.pem, key: client-key.pem}

# The events. Streams are found by subject.
inputs:
  create: true                    # create the streams that are missing
  requests:
    subject: requests.>
    # time_unit: auto             # of ts: auto is RFC 3339 or milliseconds; s, ms, us, ns
  outcomes:
    subject: outcomes.>
    # heartbeat: required         # no quiet outcome stream is taken for an empty one

# When an outcome belongs to a request, and how long to wait for it.
join:
  window: 30m                     # outcomes count up to this long after their request
  lateness: 1m                    # events may come this late; delays rows, widens nothing
  clock_skew: 0s                  # outcomes may be stamped this long before their request
  corrections: 1h                 # a late outcome still corrects a row for this long
  # rows: request                 # one row per request instead of one per item
  # duplicates: merge             # requests are logged in pieces
  # emit: each                    # write a row as soon as one label is final, and again with others
  # negatives: seen               # keep only rows that were seen ...
  # impression: 'type == "impression"'   # ... which this outcome proves
  # sample_negatives: 0.1         # keep a tenth of the negatives, with weights
  # sample_hash: sha256           # by a hash that SQL engines have too

# The label columns, in this order. "when" is a condition over one outcome:
# type, value, has_value, item_id, outcome_id, attrs (labeljoin help conditions).
# The longest window decides when rows are written: here 7 days after the request.
labels:
  clicked: 'type == "click"'      # short for {when: 'type == "click"'}
  bought:
    when: 'type == "purchase"'
    window: 7d
  revenue:
    when: 'type == "purchase" && value > 0'
    window: 7d
    value: sum                    # any (default), count, sum, mean, max, min, first, last, latency

# When outcomes are improbably few, no row becomes negative: rows wait until the
# outcomes come after all, or until you declare the gap.
# guard: {patience: 2h, tail: 1e-6, usual: 0.5, learn: 100}

# Features become typed columns by themselves, numbers as double. A column stays what it is.
# features:
#   mode: evolve                  # declared: no other features; frozen: no new ones
#   declare: {age: int64, tags: list<string>}

state:
  dir: state
  # reserve: 256MiB               # with less room on a disk reading pauses, until there is more
  # max_bytes: 20GiB              # bound on the state's files; none unless given

output:
  dir: labeled
  roll: {interval: 1m, rows: 1000000, size: 128MiB}   # commit at whichever comes first
  # rename: {score: model_score}  # for features whose name is a column's already

# The label stream: every label on NATS the moment it is decided.
publish:
  subject: labels.feed
  create: true

# Metrics for Prometheus, health and status. Without it nothing listens.
# ingest takes events by HTTP, for producers without a NATS client (labeljoin help http).
# http: {listen: 127.0.0.1:8428, ingest: {listen: 127.0.0.1:8427}}

# log: {level: info, format: auto}
`
