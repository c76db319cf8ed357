package event

// The catalogue of events has one row for each type. All code that knows event types reads it: routing, validation,
// the messages to clients, the REST endpoints with their OpenAPI schemas, the reference, the simulated services, and
// the tests. SQL has the same list for what producers write; tests compare the two.

// orderPayload returns the fields that every order event takes.
func orderPayload() []Field {
	return []Field{
		{Name: "orderNumber", Kind: KindText, Example: `"YZ-1024"`, Description: "What people call the order."},
		{Name: "status", Kind: KindText, Example: `"Preparing"`, Description: "What has become of the order."},
		{
			Name: "lastUpdateTimestamp", Kind: KindTime, Optional: true, Example: `"2025-01-20T10:05:00Z"`,
			Description: "When the order changed last. Left out: when the event occurred.",
		},
		{
			Name: "estimatedDeliveryTime", Kind: KindTime, Optional: true, Example: `"2025-01-20T10:35:00Z"`,
			Description: "When it is expected to be delivered.",
		},
		{
			Name: "actualDeliveryTime", Kind: KindTime, Optional: true, Example: `"2025-01-20T10:33:00Z"`,
			Description: "When it arrived.",
		},
		{
			Name: "deliveredAt", Kind: KindTime, Optional: true, Example: `"2025-01-20T10:34:00Z"`,
			Description: "When it was handed over.",
		},
	}
}

// Fields that several types share.
//
//nolint:gochecknoglobals // constants
var (
	totalUsers  = Field{Name: "totalUsers", Kind: KindCount, Example: `5432`, Description: "Users in all."}
	activeUsers = Field{Name: "activeUsers", Kind: KindCount, Example: `234`, Description: "Users who are active."}
	websites    = Field{
		Name: "websitesGenerated", Kind: KindCount, Example: `1203`, Description: "Websites that were generated.",
	}
	images = Field{
		Name: "imagesGenerated", Kind: KindCount, Example: `3847`, Description: "Images that were generated.",
	}
	severity = Field{
		Name: "severity", Kind: KindWord, Optional: true, Example: `"high"`,
		Description: "How severe it is. Left out: `severity` in `data`; otherwise it follows from the type.",
		Implied: &Implied{
			Member: "data.severity", By: "type",
			Values: map[string]string{"warning": "medium", "error": "high"}, Otherwise: "low",
		},
	}
)

const (
	exampleUser = `"550e8400-e29b-41d4-a716-446655440000"`
	anything    = "Whatever belongs to it."
)

func definitions() []Definition {
	return []Definition{
		{Type: OrderPlaced, Family: Order, Method: "ReceiveOrderPlaced"},
		{Type: OrderPaymentSucceeded, Family: Order, Method: "ReceiveOrderPaymentSucceeded"},
		{Type: OrderPaymentFailed, Family: Order, Method: "ReceiveOrderPaymentFailed"},
		{Type: OrderStatusChanged, Family: Order, Method: "ReceiveOrderStatusChanged"},

		{Type: CartUpdated, Family: TeamCart, Method: "ReceiveCartUpdated"},
		{Type: CartLocked, Family: TeamCart, Method: "ReceiveLocked"},
		{Type: CartPaymentEvent, Family: TeamCart, Method: "ReceivePaymentEvent", Fields: []Field{
			{Name: "userId", Kind: KindText, ID: true, Example: exampleUser, Description: "Who pays."},
			{Name: "status", Kind: KindText, Example: `"Succeeded"`, Description: "What has become of the payment."},
		}},
		{Type: CartReadyToConfirm, Family: TeamCart, Method: "ReceiveReadyToConfirm"},
		{Type: CartConverted, Family: TeamCart, Method: "ReceiveConverted", Fields: []Field{
			{
				Name: "orderId", Kind: KindUUID, Example: `"f47ac10b-58cc-4372-a567-0e02b2c3d479"`,
				Description: "The order that the cart has become.",
			},
		}},
		{Type: CartExpired, Family: TeamCart, Method: "ReceiveExpired"},

		{
			Type: UserActivityUpdate, Family: Admin, Method: "UserActivityUpdate", Group: UserActivity,
			Fields: []Field{
				{Name: "userId", Kind: KindWord, Example: exampleUser, Description: "Who did it."},
				{Name: "action", Kind: KindWord, Example: `"website_generated"`, Description: "What they did."},
				{
					Name: "details", Kind: KindObject, Optional: true,
					Example: `{"projectId":"proj-12345","generationTime":3.5}`, Description: anything,
				},
			},
			Endpoints: []Endpoint{{
				Path: "notify/user-action", Message: "User action notified", Tag: "Notifications",
				OperationID: "notifyUserAction", Schema: "UserAction",
				Summary: "Tell the group user-activity what a user did",
				Examples: []Example{
					{"published", `{"userId":` + exampleUser + `,"action":"website_generated",` +
						`"details":{"projectId":"proj-12345","templateId":"tmpl-789","generationTime":3.5}}`},
					{"short", `{"userId":` + exampleUser + `,"action":"signed_in"}`},
				},
			}},
		},
		{
			Type: AnalyticsUpdate, Family: Admin, Method: "AnalyticsUpdate", Group: Analytics,
			Fields: []Field{
				totalUsers, activeUsers, websites, images,
				{
					Name: "revenue", Kind: KindNumber, Example: `12345.67`,
					Description: "Revenue; negative where refunds prevail.",
				},
			},
			Endpoints: []Endpoint{{
				Path: "broadcast/platform-update", Message: "Platform update broadcasted", Tag: "Broadcasts",
				OperationID: "broadcastPlatformUpdate",
				Summary:     "Send the platform's statistics to the group analytics",
				Statistics: []string{
					"totalUsers", "activeUsers", "websitesGenerated", "imagesGenerated", "totalRevenue",
				},
			}},
		},
		{
			Type: UserCountUpdate, Family: Admin, Method: "UserCountUpdate", Group: Analytics,
			Fields: []Field{
				totalUsers, activeUsers,
				{Name: "newUsersToday", Kind: KindCount, Example: `12`, Description: "Users who came today."},
			},
			Endpoints: []Endpoint{{
				Path: "broadcast/user-count", Message: "User count update broadcasted", Tag: "Broadcasts",
				OperationID: "broadcastUserCount",
				Summary:     "Send the numbers of users to the group analytics",
				Statistics:  []string{"totalUsers", "activeUsers", "newUsersToday"},
				Answers:     []string{"totalUsers", "activeUsers", "newUsersToday"},
			}},
		},
		{
			Type: GenerationMetricsUpdate, Family: Admin, Method: "GenerationMetricsUpdate", Group: Analytics,
			Fields: []Field{
				websites, images,
				{Name: "failedGenerations", Kind: KindCount, Example: `5`, Description: "Generations that failed."},
				{
					Name: "averageGenerationTime", Kind: KindAmount, Example: `4.2`,
					Description: "How long one takes on average, in seconds.",
				},
			},
			Endpoints: []Endpoint{{
				Path: "broadcast/generation-metrics", Message: "Generation metrics broadcasted", Tag: "Broadcasts",
				OperationID: "broadcastGenerationMetrics", Schema: "GenerationMetrics",
				Summary: "Send generation metrics to the group analytics",
				Examples: []Example{
					{"published", `{"websitesGenerated":125,"imagesGenerated":342,` +
						`"failedGenerations":5,"averageGenerationTime":4.2}`},
				},
			}},
		},
		{
			Type: RevenueUpdate, Family: Admin, Method: "RevenueUpdate", Group: Analytics,
			Fields: []Field{
				{
					Name: "dailyRevenue", Kind: KindNumber, Example: `1250.75`,
					Description: "Today's revenue; negative where refunds prevail.",
				},
				{
					Name: "totalRevenue30d", Kind: KindNumber, Example: `35420.5`,
					Description: "That of the last 30 days.",
				},
			},
			Endpoints: []Endpoint{{
				Path: "broadcast/revenue", Message: "Revenue update broadcasted", Tag: "Broadcasts",
				OperationID: "broadcastRevenue", Schema: "Revenue",
				Summary: "Send revenue to the group analytics",
				Examples: []Example{
					{"published", `{"dailyRevenue":1250.75,"totalRevenue30d":35420.5}`},
					{"refunds", `{"dailyRevenue":-12.5,"totalRevenue30d":0}`},
				},
			}},
		},
		{
			Type: SystemAlert, Family: Admin, Method: "SystemAlert", Group: Alerts,
			Fields: []Field{
				{
					Name: "type", Kind: KindOne, Values: []string{"info", "warning", "error", "success"},
					Example: `"warning"`, Description: "What kind of alert it is.",
				},
				{
					Name: "message", Kind: KindText, Example: `"System performance degradation detected"`,
					Description: "What administrators read.",
				},
				severity,
				{
					Name: "data", Kind: KindObject, Optional: true, Example: `{"cpuUsage":92,"threshold":85}`,
					Description: anything,
				},
				{
					Name: "data.severity", Kind: KindShort, Optional: true,
					Description: "The alert's severity where that is left out beside type and message.",
				},
				{
					Name: "data.metric", Kind: KindShort, Optional: true,
					Description: "What a performance alert has measured.",
				},
				{
					Name: "data.threshold", Kind: KindShort, Optional: true,
					Description: "What it should not have exceeded.",
				},
			},
			Endpoints: []Endpoint{
				{
					Path: "alert", Message: "Alert sent successfully", Tag: "Alerts", OperationID: "sendAlert",
					Summary: "Send an alert to the group alerts", Schema: "Alert",
					Examples: []Example{
						{"published", `{"type":"info","message":"Test alert from API",` +
							`"data":{"timestamp":"2025-10-17T10:30:00Z","severity":"low"}}`},
						{"warning", `{"type":"warning","message":"Disk is 85 % full"}`},
						{"error", `{"type":"error","message":"Payments are failing","data":{"failed":12}}`},
						{"success", `{"type":"success","message":"Backup completed","data":null}`},
					},
				},
				{
					Path: "alert/warning", Message: "Warning sent successfully", Tag: "Alerts",
					OperationID: "sendWarning", Schema: "AlertMessage",
					Summary: "Send a warning to the group alerts",
					Fixed:   map[string]string{"type": "warning"},
					Examples: []Example{{"published", `{"message":"System performance degradation detected",` +
						`"data":{"cpuUsage":92,"memoryUsage":88,"threshold":85}}`}},
				},
				{
					Path: "alert/error", Message: "Error alert sent successfully", Tag: "Alerts",
					OperationID: "sendError", Schema: "AlertMessage",
					Summary: "Send an error to the group alerts",
					Fixed:   map[string]string{"type": "error"},
					Examples: []Example{
						{"published", `{"message":"API rate limit exceeded for multiple users",` +
							`"data":{"affectedUsers":3,"limitExceeded":"1000 req/hour"}}`},
						{"short", `{"message":"Payments are failing"}`},
					},
				},
				{
					Path: "alert/performance", Message: "Performance alert sent successfully", Tag: "Alerts",
					OperationID: "sendPerformanceAlert", Schema: "PerformanceAlert",
					Summary: "Send a performance alert to the group alerts",
					Fixed: map[string]string{
						"type": "warning", "message": "{metric} is {value} (threshold {threshold})",
					},
					Body: []BodyField{
						{Field{Name: "metric", Kind: KindWord, Description: "What was measured."}, "data.metric"},
						{Field{Name: "value", Kind: KindNumber, Description: "What it is."}, "data.value"},
						{severity, "severity"},
						{Field{
							Name: "threshold", Kind: KindMeasure,
							Description: "What it should not exceed, with or without a unit.",
						}, "data.threshold"},
					},
					Examples: []Example{
						{"published", `{"metric":"ApiResponseTime","value":2500,"threshold":"2000ms"}`},
						{"numbers", `{"metric":"ErrorRate","value":0.07,"threshold":0.05}`},
					},
				},
			},
		},
		{
			Type: AdminNotification, Family: Admin, Method: "AdminNotification", Group: Admins,
			Fields: []Field{
				{
					Name: "type", Kind: KindOne, Values: []string{"role-assignment", "system-event"},
					Description: "Which form the notification has.",
				},
				{
					Name: "userId", Form: "role-assignment", Kind: KindWord, Example: exampleUser,
					Description: "Whose role it is.",
				},
				{
					Name: "roleName", Form: "role-assignment", Kind: KindWord, Example: `"Moderator"`,
					Description: "The role.",
				},
				{
					Name: "action", Form: "role-assignment", Kind: KindOne, Values: []string{"assigned", "revoked"},
					Example: `"assigned"`, Description: "What has become of it.",
				},
				{
					Name: "eventType", Form: "system-event", Kind: KindWord, Example: `"database_maintenance"`,
					Description: "What kind of event it is.",
				},
				{
					Name: "description", Form: "system-event", Kind: KindText,
					Example:     `"Scheduled maintenance completed successfully"`,
					Description: "What administrators read.",
				},
				{
					Name: "data", Form: "system-event", Kind: KindObject, Optional: true,
					Example: `{"cpuUsage":92,"threshold":85}`, Description: anything,
				},
			},
			Endpoints: []Endpoint{
				{
					Path: "notify/role-assignment", Message: "Role assignment notified", Tag: "Notifications",
					OperationID: "notifyRoleAssignment", Form: "role-assignment", Schema: "RoleAssignment",
					Summary: "Tell all administrators of a role that was assigned or revoked", Remark: "It changes no role.",
					Examples: []Example{
						{"published", `{"userId":` + exampleUser + `,"roleName":"Moderator","action":"assigned"}`},
						{"revoked", `{"userId":` + exampleUser + `,"roleName":"Moderator","action":"revoked"}`},
					},
				},
				{
					Path: "notify/system-event", Message: "System event notified", Tag: "Notifications",
					OperationID: "notifySystemEvent", Form: "system-event", Schema: "SystemEvent",
					Summary: "Tell all administrators of a system event",
					Examples: []Example{
						{"published", `{"eventType":"database_maintenance",` +
							`"description":"Scheduled maintenance completed successfully",` +
							`"data":{"duration":"15 minutes",` +
							`"affectedServices":["auth-service","generator-service"],"status":"completed"}}`},
						{"short", `{"eventType":"deployment","description":"Version 2.4 is live"}`},
					},
				},
			},
		},

		{Type: AccessRevoked, Family: Control},
	}
}
