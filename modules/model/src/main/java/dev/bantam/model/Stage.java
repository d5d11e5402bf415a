package dev.bantam.model;

import dev.bantam.tensor.Workers;
import java.util.List;

/** One step of a pass that can be cut into parts: a product with its epilogue, or a row kernel. */
@FunctionalInterface
interface Stage {
  /**
   * Runs one part for one shard.
   *
   * @param worker number of the running thread, for scratch memory
   */
  void run(int shard, int part, int worker);

  /** Runs the stages in order for all shards, as {@link Shards} says. */
  static void runAll(List<Stage> stages, Shards shards, Workers workers) {
    if (shards.independent()) {
      workers.run(
          shards.count(),
          (shard, worker) -> {
            for (Stage stage : stages) {
              stage.run(shard, 0, worker);
            }
          });
      return;
    }
    final int parts = shards.parts();
    for (Stage stage : stages) {
      workers.run(shards.count() * parts, (i, worker) -> stage.run(i / parts, i % parts, worker));
    }
  }
}
