package adminapi_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yummyzoom/herald/internal/adminapi"
	"github.com/yummyzoom/herald/internal/event"
)

// Where a client names a hub, the document lists the catalogue's hubs.
func TestTheDocumentNamesEveryHub(t *testing.T) {
	t.Parallel()
	w := setup(t).get(t, adminapi.OpenAPIPath)
	require.Equal(t, http.StatusOK, w.Code)
	var document struct {
		Paths map[string]struct {
			Get struct {
				Parameters []struct {
					Name   string
					Schema struct{ Enum []string }
				}
			}
		}
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &document))
	for _, parameter := range document.Paths["/api/realtime/events"].Get.Parameters {
		if parameter.Name == "hub" {
			require.Equal(t, event.HubNames(), parameter.Schema.Enum)
			return
		}
	}
	require.Fail(t, "there is no parameter of that name")
}
