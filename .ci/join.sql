-- The join, said a second time: in SQL, over the same JSON Lines, by somebody
-- else's engine. interop.py compares what this says with the Parquet files.
--
-- Given: the variables requests_file, outcomes_file and clock_skew (ns), and
-- the table labels(name, types, window_ns, min_value, agg).

-- Nanoseconds since the epoch of a JSON timestamp: RFC 3339, or milliseconds.
create or replace macro rfc3339(text) as regexp_extract(
  text, '^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:?\d\d)$', ['day', 'clock', 'fraction', 'zone']);
create or replace macro zone_seconds(zone) as case
  when upper(zone) = 'Z' then 0
  else (zone[1] || '1')::int * (zone[2:3]::int * 3600 + zone[-2:]::int * 60) end;
create or replace macro nanos(json_ts) as case json_type(json_ts)
  when 'VARCHAR' then
    epoch_us((rfc3339(json_ts->>'$').day || ' ' || rfc3339(json_ts->>'$').clock)::timestamp) * 1000
    + rpad(rfc3339(json_ts->>'$').fraction, 9, '0')::bigint
    - zone_seconds(rfc3339(json_ts->>'$').zone)::bigint * 1000000000
  else json_ts::bigint * 1000000 end;

-- Whole lines: the last tie-break is the SHA-256 of an event's bytes.
create or replace macro lines(file) as table
  select line::json as event, sha256(line) as hash
  from read_csv(file, columns = {'line': 'varchar'}, header = false, auto_detect = false,
                delim = '', quote = '', escape = '', max_line_size = 4000000)
  where trim(line) <> '';

-- One request per id: the one with the smallest (ts, hash).
create or replace table request as
  select event->>'$.request_id' as request_id, nanos(event->'$.ts') as ts, event
  from lines(getvariable('requests_file'))
  qualify row_number() over (partition by event->>'$.request_id' order by nanos(event->'$.ts'), hash) = 1;

-- One row per item, or one for a request without items.
create or replace table item as
  select request_id, ts, nullif(n, 0) as ordinal,
    event->'$.items'->(n - 1)->>'$.item_id' as item_id,
    (event->'$.items'->(n - 1)->>'$.position')::bigint as position,
    (if(n = 0, event, event->'$.items'->(n - 1))->>'$.score')::double as score
  from (
    select *, unnest(case when coalesce(json_array_length(event, '$.items'), 0) = 0 then [0]
                          else range(1, json_array_length(event, '$.items')::bigint + 1) end) as n
    from request);

-- One outcome per identity: the one with the smallest (ts, outcome_id, hash).
create or replace table outcome as
  with told as (
    select event->>'$.request_id' as request_id, nullif(event->>'$.outcome_id', '') as outcome_id,
      event->>'$.type' as type, nanos(event->'$.ts') as ts, event->>'$.item_id' as item_id,
      (event->>'$.value')::double as value, hash
    from lines(getvariable('outcomes_file')))
  select * from told
  qualify row_number() over (
    partition by request_id, if(outcome_id is not null, [outcome_id], [null, type, item_id, ts::varchar, value::varchar])
    order by ts, coalesce(outcome_id, ''), hash) = 1;

-- Every outcome that counts for a label of a row, both ends of the window included.
create or replace table counted as
  select item.request_id, item.ordinal, labels.name as label, labels.agg, outcome.*
    exclude (request_id), outcome.ts - item.ts as delay
  from item join outcome using (request_id)
  join labels on list_contains(labels.types, outcome.type)
    and (labels.min_value is null or outcome.value >= labels.min_value)
  where outcome.ts - item.ts between -getvariable('clock_skew') and labels.window_ns
    and (outcome.item_id is null or item.ordinal is null or outcome.item_id = item.item_id);

-- What the aggregates make of them. All that ties is broken by (ts, outcome_id, hash).
create or replace table decided as
  select request_id, ordinal, label, any_value(agg) as agg,
    count(*) as n, min(ts) as first_ts, max(ts) as last_ts, min(delay) as first_delay,
    list({'value': value, 'ts': ts} order by ts, coalesce(outcome_id, ''), hash) filter (value is not null) as valued
  from counted group by request_id, ordinal, label;

create or replace macro values_of(valued) as list_transform(valued, lambda x: x.value);

-- The answer in long form: one line for each label of each row.
create or replace table expected as
  select item.request_id, ts // 1000 as request_us, item_id, position, score, labels.name as label,
    case labels.agg
      when 'any' then if(n > 0, 1, 0)
      when 'count' then coalesce(n, 0)
      when 'latency' then first_delay::double / 1e9
      when 'sum' then coalesce(list_sum(values_of(valued)), 0)
      when 'mean' then list_avg(values_of(valued))
      when 'max' then list_max(values_of(valued))
      when 'min' then list_min(values_of(valued))
      when 'first' then valued[1].value
      when 'last' then valued[-1].value
    end::double as value,
    case
      when labels.agg in ('any', 'latency') then first_ts
      when labels.agg = 'count' then last_ts
      when labels.agg = 'max' then list_filter(valued, lambda x: x.value = list_max(values_of(valued)))[1].ts
      when labels.agg = 'min' then list_filter(valued, lambda x: x.value = list_min(values_of(valued)))[1].ts
      when labels.agg = 'first' then valued[1].ts
      else valued[-1].ts
    end // 1000 as value_us
  from item cross join labels left join decided
    on decided.request_id = item.request_id and decided.ordinal is not distinct from item.ordinal and decided.label = labels.name;
