package event

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is scanned without encoding/json is read as encoding/json reads it.
func FuzzScannedPayload(f *testing.F) {
	for _, payload := range []string{
		`{}`, ` { } `, `{"orderNumber": "YZ-1", "status": "Placed"}`, `{"orderNumber":"YZ-1","status":"Placed","deliveredAt":null}`,
		`{"orderNumber": "a", "orderNumber": "b", "status": "c", "status": null}`, `{"ORDERNUMBER": "a", "ſtatus": "b", "status": "c"}`,
		`{"orderNumber": "<", "status": ""}`, `{"orderNumber": ">", "status": ""}`, `{"orderNumber": "&", "status": ""}`,
		"{\"orderNumber\": \"\xff\", \"status\": \"\"}", `{"ORDERNUMBER": "a", "status": ""}`, `{"orderNumber": "a", "STATUS": null, "status": ""}`, `{} x`, `{"orderNumber": "a\n", "status": "\u0041"}`, `{"orderNumber": "a", "status": "b"} x`,
		`{"orderNumber": "a", "status": "b",}`, `{"orderNumber": "a" "status": "b"}`, `{"orderNumber": "a", "status": "b"`, `{"orderNumber"`,
		`{"orderNumber": "a", "status": "b", "other": {"status": [1]}}`, `{"orderNumber": "a", "status": "b", "other": "text"}`,
		`{"orderNumber": "a", "status": "b", "deliveredAt": "2025-01-20T10:05:00.25+02:00", "lastUpdateTimestamp": "soon"}`,
		`{"orderNumber": "a", "status": "b", "deliveredAt": "2025-01-20T10:05:00.25+02:00", "estimatedDeliveryTime": "0001-01-01T00:00:00Z"}`,
		`{"userId": "u", "status": "Paid"}`, `{"userId": "u", "userid": "v"}`, `{"orderId": "o"}`, `{"userId": nullx}`, `{"userId" : null }`, `null`, `[]`, ``,
		`{"status": "unfinished`, `{"": "", "status": ""}`, "{\"status\": \"a\x00\"}", "{\"status\": \"\x7f\"}", "{\t\"status\"\r:\n\"a\"}",
	} {
		f.Add([]byte(payload))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		if scanned, ok := scanOrder(payload); ok {
			want, err := unmarshalOrder(payload)
			require.NoError(t, err)
			require.Equal(t, want.number, scanned.number)
			require.Equal(t, want.status, scanned.status)
			for i := range want.times {
				require.Equal(t, want.times[i].given, scanned.times[i].given)
				require.True(t, want.times[i].Equal(scanned.times[i].Time))
			}
		}
		var scanned [cartFields]json.RawMessage
		if scanTexts(payload, cartNames, scanned[:]) {
			want, err := unmarshalCart(payload)
			require.NoError(t, err)
			require.Equal(t, want, scanned)
		}
	})
}

// The usual payloads, in the form in which the database returns them, do take the short way.
func TestUsualPayloadsAreScanned(t *testing.T) {
	t.Parallel()
	for _, payload := range []string{
		`{"status": "Placed", "orderNumber": "YZ-1024", "deliveredAt": null, "lastUpdateTimestamp": "2025-01-20T10:05:00.1234567Z"}`,
		`{"status": "Placed", "orderNumber": "YZ-1024"}`,
	} {
		_, ok := scanOrder([]byte(payload))
		require.True(t, ok, payload)
	}
	for _, payload := range []string{`{}`, `{"status": "Paid", "userId": "9b2c0000-0000-4000-8000-00000000a001"}`} {
		require.True(t, scanTexts([]byte(payload), cartNames, make([]json.RawMessage, cartFields)), payload)
	}
}
