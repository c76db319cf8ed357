-- name: ClockRead :one
SELECT clock_timestamp()::timestamptz AS now;
