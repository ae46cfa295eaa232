-- A database of schema 0001 as ORAC 0.1.0 wrote it on SQLite 3.40, 2026-11-22. Never changed: upgrades start from it.
PRAGMA application_id = 1330790723;
BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE bench_case (
	id INTEGER NOT NULL, 
	"key" VARCHAR NOT NULL, 
	suite VARCHAR NOT NULL, 
	model_id INTEGER NOT NULL, 
	prompt_tokens INTEGER, 
	output_tokens INTEGER NOT NULL, 
	prompt_sha256 VARCHAR, 
	workload_version INTEGER NOT NULL, 
	options JSON NOT NULL, 
	CONSTRAINT pk_bench_case PRIMARY KEY (id), 
	CONSTRAINT fk_bench_case_model_id FOREIGN KEY(model_id) REFERENCES model (id), 
	CONSTRAINT uq_bench_case_key UNIQUE ("key")
);
INSERT INTO "bench_case" VALUES(1,'first_token-tiny-64-16','first_token',1,64,16,NULL,1,'{"temperature":0.7,"num_ctx":2048}');
CREATE TABLE conditions (
	id INTEGER NOT NULL, 
	hash VARCHAR NOT NULL, 
	facts JSON NOT NULL, 
	CONSTRAINT pk_conditions PRIMARY KEY (id), 
	CONSTRAINT uq_conditions_hash UNIQUE (hash)
);
INSERT INTO "conditions" VALUES(1,'c0ffee','{"board":"orin","power_mode":"MAXN"}');
CREATE TABLE model (
	id INTEGER NOT NULL, 
	digest VARCHAR NOT NULL, 
	name TEXT NOT NULL, 
	CONSTRAINT pk_model PRIMARY KEY (id), 
	CONSTRAINT uq_model_digest UNIQUE (digest)
);
INSERT INTO "model" VALUES(1,'sha256:tiny','tiny');
CREATE TABLE result (
	id INTEGER NOT NULL, 
	run_id INTEGER NOT NULL, 
	case_id INTEGER NOT NULL, 
	model_name TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	planned INTEGER NOT NULL, 
	done INTEGER NOT NULL, 
	failed INTEGER NOT NULL, 
	offload_ratio FLOAT, 
	facts JSON NOT NULL, 
	failure_code VARCHAR, 
	failure_message TEXT, 
	started DATETIME, 
	ended DATETIME, 
	CONSTRAINT pk_result PRIMARY KEY (id), 
	CONSTRAINT fk_result_case_id FOREIGN KEY(case_id) REFERENCES bench_case (id), 
	CONSTRAINT fk_result_run_id FOREIGN KEY(run_id) REFERENCES run (id) ON DELETE CASCADE, 
	CONSTRAINT uq_result_run_id_case_id UNIQUE (run_id, case_id)
);
INSERT INTO "result" VALUES(1,1,1,'tiny',0,'failed',6,6,1,1.0,'{"cache":"probed"}',NULL,NULL,'2026-11-22 12:01:00.000000','2026-11-22 12:01:00.000000');
CREATE TABLE result_metric (
	result_id INTEGER NOT NULL, 
	metric VARCHAR NOT NULL, 
	n INTEGER NOT NULL, 
	median FLOAT NOT NULL, 
	minimum FLOAT NOT NULL, 
	maximum FLOAT NOT NULL, 
	ci_low FLOAT, 
	ci_high FLOAT, 
	q25 FLOAT, 
	q75 FLOAT, 
	p90 FLOAT, 
	p95 FLOAT, 
	p99 FLOAT, 
	method VARCHAR NOT NULL, 
	method_version INTEGER NOT NULL, 
	CONSTRAINT pk_result_metric PRIMARY KEY (result_id, metric), 
	CONSTRAINT fk_result_metric_result_id FOREIGN KEY(result_id) REFERENCES result (id) ON DELETE CASCADE
);
INSERT INTO "result_metric" VALUES(1,'ttft_s',6,0.225,0.2,0.25,0.2,0.25,2.12500000000000022204e-01,2.37500000000000016653e-01,NULL,NULL,NULL,'median, order-statistic 95 % interval',1);
INSERT INTO "result_metric" VALUES(1,'e2e_s',6,0.5,0.5,0.5,0.5,0.5,0.5,0.5,NULL,NULL,NULL,'median, order-statistic 95 % interval',1);
CREATE TABLE round (
	id INTEGER NOT NULL, 
	result_id INTEGER NOT NULL, 
	phase VARCHAR(16) NOT NULL, 
	"index" INTEGER NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	started DATETIME NOT NULL, 
	seed BIGINT NOT NULL, 
	failure_code VARCHAR, 
	failure_message TEXT, 
	flags JSON NOT NULL, 
	counted BOOLEAN NOT NULL, 
	ttft_s FLOAT, 
	ttfa_s FLOAT, 
	tpot_s FLOAT, 
	e2e_s FLOAT, 
	load_s FLOAT, 
	decode_tokens_per_s FLOAT, 
	client_decode_tokens_per_s FLOAT, 
	prefill_tokens_per_s FLOAT, 
	input_tokens FLOAT, 
	output_tokens FLOAT, 
	itl_p50_s FLOAT, 
	itl_max_s FLOAT, 
	energy_j FLOAT, 
	energy_above_idle_j FLOAT, 
	joules_per_output_token FLOAT, 
	joules_per_input_token FLOAT, 
	model_memory_b FLOAT, 
	ram_peak_b FLOAT, 
	temperature_start_celsius FLOAT, 
	temperature_max_celsius FLOAT, 
	gpu_hz_mean FLOAT, 
	power_w_mean FLOAT, 
	sustained_ratio FLOAT, 
	client_cpu_s FLOAT, 
	sampler_cpu_s FLOAT, 
	raw JSON NOT NULL, 
	CONSTRAINT pk_round PRIMARY KEY (id), 
	CONSTRAINT fk_round_result_id FOREIGN KEY(result_id) REFERENCES result (id) ON DELETE CASCADE, 
	CONSTRAINT uq_round_result_id_phase_index UNIQUE (result_id, phase, "index")
);
INSERT INTO "round" VALUES(1,1,'warmup',0,'ok','2026-11-22 12:00:00.000000',1,NULL,NULL,'[]',0,0.2,NULL,NULL,0.5,NULL,50.0,NULL,NULL,64.0,16.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"eval_count":16}');
INSERT INTO "round" VALUES(2,1,'measure',0,'ok','2026-11-22 12:00:00.000000',1,NULL,NULL,'[]',1,0.2,NULL,NULL,0.5,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"eval_count":16}');
INSERT INTO "round" VALUES(3,1,'measure',1,'ok','2026-11-22 12:00:01.000000',1,NULL,NULL,'[]',1,2.10000000000000019984e-01,NULL,NULL,0.5,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"eval_count":16}');
INSERT INTO "round" VALUES(4,1,'measure',2,'ok','2026-11-22 12:00:02.000000',1,NULL,NULL,'[]',1,0.22,NULL,NULL,0.5,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"eval_count":16}');
INSERT INTO "round" VALUES(5,1,'measure',3,'ok','2026-11-22 12:00:03.000000',1,NULL,NULL,'[]',1,0.23,NULL,NULL,0.5,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"eval_count":16}');
INSERT INTO "round" VALUES(6,1,'measure',4,'ok','2026-11-22 12:00:04.000000',1,NULL,NULL,'[]',1,2.40000000000000018873e-01,NULL,NULL,0.5,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"eval_count":16}');
INSERT INTO "round" VALUES(7,1,'measure',5,'ok','2026-11-22 12:00:05.000000',1,NULL,NULL,'[]',1,0.25,NULL,NULL,0.5,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"eval_count":16}');
INSERT INTO "round" VALUES(8,1,'measure',6,'failed','2026-11-22 12:00:06.000000',1,'ollama_silent','no byte for 120 s','[]',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'{"eval_count":16}');
CREATE TABLE round_chunks (
	round_id INTEGER NOT NULL, 
	tick_ns INTEGER NOT NULL, 
	arrivals BLOB NOT NULL, 
	CONSTRAINT pk_round_chunks PRIMARY KEY (round_id), 
	CONSTRAINT fk_round_chunks_round_id FOREIGN KEY(round_id) REFERENCES round (id) ON DELETE CASCADE
);
INSERT INTO "round_chunks" VALUES(1,1000,X'400D0300605B030080A90300');
INSERT INTO "round_chunks" VALUES(2,1000,X'400D0300605B030080A90300');
INSERT INTO "round_chunks" VALUES(3,1000,X'400D0300605B030080A90300');
INSERT INTO "round_chunks" VALUES(4,1000,X'400D0300605B030080A90300');
INSERT INTO "round_chunks" VALUES(5,1000,X'400D0300605B030080A90300');
INSERT INTO "round_chunks" VALUES(6,1000,X'400D0300605B030080A90300');
INSERT INTO "round_chunks" VALUES(7,1000,X'400D0300605B030080A90300');
CREATE TABLE run (
	id INTEGER NOT NULL, 
	uid VARCHAR NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	created DATETIME NOT NULL, 
	started DATETIME NOT NULL, 
	ended DATETIME, 
	heartbeat DATETIME, 
	pid INTEGER, 
	"trigger" VARCHAR NOT NULL, 
	note TEXT, 
	orac_version VARCHAR NOT NULL, 
	metrics_version INTEGER NOT NULL, 
	seed BIGINT NOT NULL, 
	arguments JSON NOT NULL, 
	conditions_id INTEGER, 
	volatile JSON NOT NULL, 
	error TEXT, 
	CONSTRAINT pk_run PRIMARY KEY (id), 
	CONSTRAINT fk_run_conditions_id FOREIGN KEY(conditions_id) REFERENCES conditions (id), 
	CONSTRAINT uq_run_uid UNIQUE (uid)
);
INSERT INTO "run" VALUES(1,'20261122-120000-abcd','failed','2026-11-22 12:00:00.000000','2026-11-22 12:00:00.000000','2026-11-22 12:01:10.000000','2026-11-22 12:00:00.000000',4242,'pytest','made by schema 0001','0.1.0',1,7,'["--orac-model","tiny"]',1,'{"uptime_s":60.0}',NULL);
CREATE INDEX ix_bench_case_model_id ON bench_case (model_id);
CREATE INDEX ix_bench_case_suite ON bench_case (suite);
CREATE INDEX ix_run_conditions_id ON run (conditions_id);
CREATE INDEX ix_run_started_id ON run (started, id);
CREATE INDEX ix_result_case_id_started ON result (case_id, started);
COMMIT;
