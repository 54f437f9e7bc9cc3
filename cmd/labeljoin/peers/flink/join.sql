-- The same join in Flink SQL. `run` puts the paths, the columns and the window in.
-- labeljoin commits every two seconds. A checkpoint every ten is what is usual here,
-- and costs less.

SET 'execution.runtime-mode' = 'streaming';
SET 'parallelism.default' = '2';
SET 'pipeline.object-reuse' = 'true';
SET 'state.backend.type' = 'rocksdb';
SET 'execution.checkpointing.incremental' = 'true';
SET 'execution.checkpointing.interval' = '10 s';
SET 'execution.checkpointing.dir' = 'file://{home}/checkpoints';
SET 'io.tmp.dirs' = '{home}/tmp';
SET 'taskmanager.memory.managed.size' = '1 gb';
SET 'rest.port' = '0';

-- The requests are in two files, so that two tasks read them.
CREATE TABLE requests (
  {columns},
  happened AS TO_TIMESTAMP_LTZ(ts, 3),
  WATERMARK FOR happened AS happened - INTERVAL '1' SECOND
) WITH ('connector' = 'filesystem', 'path' = 'file://{home}/requests', 'format' = 'json');

CREATE TABLE outcomes (
  request_id STRING,
  ts BIGINT,
  happened AS TO_TIMESTAMP_LTZ(ts, 3),
  WATERMARK FOR happened AS happened - INTERVAL '1' SECOND
) WITH ('connector' = 'filesystem', 'path' = 'file://{outcomes}', 'format' = 'json');

CREATE TABLE labeled (
  {columns},
  clicked INT
) WITH ('connector' = 'filesystem', 'path' = 'file://{out}', 'format' = 'parquet', 'parquet.compression' = 'ZSTD', 'parquet.compression.codec.zstd.level' = '1');

INSERT INTO labeled
SELECT {names}, CASE WHEN o.request_id IS NULL THEN 0 ELSE 1 END
FROM requests r
LEFT JOIN outcomes o ON o.request_id = r.request_id
  AND o.happened BETWEEN r.happened AND r.happened + INTERVAL '{seconds}' SECOND({digits}, 3);
