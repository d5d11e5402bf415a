package dev.bantam.model;

import dev.bantam.tensor.PackedProduct;
import dev.bantam.tensor.Workers;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/** One step of a pass that can be cut into parts: a product with its epilogue, or a row kernel. */
@FunctionalInterface
interface Stage {
  /**
   * Runs one part for one shard.
   *
   * @param worker number of the running thread, for scratch memory
   */
  void run(int shard, int part, int worker);

  /** Numbers of stages, for {@link PackedProduct#stage}: a stage does not change what it reads. */
  AtomicLong NUMBERS = new AtomicLong();

  private void runNumbered(long number, int shard, int part, int worker) {
    final PackedProduct product = PackedProduct.ofThread();
    product.stage(number);
    try {
      run(shard, part, worker);
    } finally {
      product.stage(0);
    }
  }

  /** Runs the stages in order for all shards, as {@link Shards} says. */
  static void runAll(List<Stage> stages, Shards shards, Workers workers) {
    if (shards.independent()) {
      workers.run(
          shards.count(),
          (shard, worker) -> {
            for (Stage stage : stages) {
              stage.runNumbered(NUMBERS.incrementAndGet(), shard, 0, worker);
            }
          });
      return;
    }
    final int parts = shards.parts();
    for (Stage stage : stages) {
      final long number = NUMBERS.incrementAndGet();
      workers.run(
          shards.count() * parts,
          (i, worker) -> stage.runNumbered(number, i / parts, i % parts, worker));
    }
  }
}
