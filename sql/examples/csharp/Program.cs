// Places an order and publishes it in one transaction, with EF Core: the event is a row like any other, so SaveChanges is the
// transaction.
//
//   DATABASE_URL="Host=localhost;Database=shop;Username=order_service;Password=order_service" dotnet run

using System.Text.Json;
using Microsoft.EntityFrameworkCore;

var connection = Environment.GetEnvironmentVariable("DATABASE_URL")
    ?? throw new InvalidOperationException("DATABASE_URL is not set");

// 1. The order and its event: both or neither.
var first = new Order(Guid.NewGuid(), "YZ-1024", Guid.NewGuid(), "customer-1", 31.50m, Guid.NewGuid());
await using (var db = new ShopContext(connection))
{
    db.Place(first);
    await db.SaveChangesAsync();
}
Console.WriteLine($"placed {first.OrderId} {first.PlacedEventId}");

// 2. A transaction that rolls back publishes nothing.
var second = first with { OrderId = Guid.NewGuid(), PlacedEventId = Guid.NewGuid() };
await using (var db = new ShopContext(connection))
await using (var transaction = await db.Database.BeginTransactionAsync())
{
    db.Place(second);
    await db.SaveChangesAsync();
    await transaction.RollbackAsync(); // the card was declined
}
Console.WriteLine($"rolled back {second.OrderId} {second.PlacedEventId}");

// 3. The connection broke and nobody knows whether the first transaction committed: do it again. The same event id is
//    delivered once.
await using (var db = new ShopContext(connection))
{
    if (await db.Orders.FindAsync(first.OrderId) is null)
    {
        db.Orders.Add(first);
    }
    db.Outbox.Add(OutboxEvent.OrderPlaced(first));
    await db.SaveChangesAsync();
}
Console.WriteLine($"retried {first.OrderId} {first.PlacedEventId}");

public sealed record Order(
    Guid OrderId, string OrderNumber, Guid RestaurantId, string CustomerId, decimal Total, Guid PlacedEventId)
{
    public string Status { get; init; } = "Placed";
}

/// <summary>A row of herald.outbox. What a property leaves out has a default in the database.</summary>
public sealed class OutboxEvent
{
    public required Guid EventId { get; init; }
    public required string EventType { get; init; }
    public required Guid ResourceId { get; init; }
    public required Guid RestaurantId { get; init; }
    public required string CustomerId { get; init; }
    public string Audience { get; init; } = "Both";
    public required string Payload { get; init; }
    public string? Traceparent { get; init; } = System.Diagnostics.Activity.Current?.Id;

    public static OutboxEvent OrderPlaced(Order order) => new()
    {
        EventId = order.PlacedEventId,
        EventType = "OrderPlaced",
        ResourceId = order.OrderId,
        RestaurantId = order.RestaurantId,
        CustomerId = order.CustomerId,
        Payload = JsonSerializer.Serialize(new
        {
            orderNumber = order.OrderNumber,
            status = order.Status,
            estimatedDeliveryTime = DateTime.UtcNow.AddMinutes(30),
        }),
    };
}

public sealed class ShopContext(string connection) : DbContext
{
    public DbSet<Order> Orders => Set<Order>();

    public DbSet<OutboxEvent> Outbox => Set<OutboxEvent>();

    public void Place(Order order)
    {
        Orders.Add(order);
        Outbox.Add(OutboxEvent.OrderPlaced(order));
    }

    protected override void OnConfiguring(DbContextOptionsBuilder options) => options.UseNpgsql(connection);

    protected override void OnModelCreating(ModelBuilder model)
    {
        model.Entity<Order>(order =>
        {
            order.ToTable("orders", "shop");
            order.HasKey(o => o.OrderId);
            order.Property(o => o.OrderId).HasColumnName("order_id").ValueGeneratedNever();
            order.Property(o => o.OrderNumber).HasColumnName("order_number");
            order.Property(o => o.RestaurantId).HasColumnName("restaurant_id");
            order.Property(o => o.CustomerId).HasColumnName("customer_id");
            order.Property(o => o.Status).HasColumnName("status");
            order.Property(o => o.Total).HasColumnName("total");
            order.Property(o => o.PlacedEventId).HasColumnName("placed_event_id");
        });

        // Insert-only: no service reads the table back. Migrations leave it alone, it is Herald's.
        model.Entity<OutboxEvent>(outbox =>
        {
            outbox.ToTable("outbox", "herald", table => table.ExcludeFromMigrations());
            outbox.HasKey(e => e.EventId);
            outbox.Property(e => e.EventId).HasColumnName("event_id").ValueGeneratedNever();
            outbox.Property(e => e.EventType).HasColumnName("event_type");
            outbox.Property(e => e.ResourceId).HasColumnName("resource_id");
            outbox.Property(e => e.RestaurantId).HasColumnName("restaurant_id");
            outbox.Property(e => e.CustomerId).HasColumnName("customer_id");
            outbox.Property(e => e.Audience).HasColumnName("audience");
            outbox.Property(e => e.Payload).HasColumnName("payload").HasColumnType("jsonb");
            outbox.Property(e => e.Traceparent).HasColumnName("traceparent");
        });
    }
}
