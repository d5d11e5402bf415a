package dev.bantam.checkpoint;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Which layers share weights, as ALBERT's files say it: {@code runs} times a group of {@code inner}
 * layers, the group of run r being number {@code floor(r / (runs / groups))}.
 *
 * @param runs {@code num_hidden_layers}
 * @param groups {@code num_hidden_groups}, at most {@code runs}
 * @param inner {@code inner_group_num}
 */
record SharedLayers(int runs, int groups, int inner) {

  /** The number of the weights of each layer, the first group's first layer being 0. */
  List<Integer> weights() {
    final List<Integer> weights = new ArrayList<>();
    for (int run = 0; run < runs; run++) {
      final int group = (int) (run / ((double) runs / groups)); // as the library computes it
      for (int i = 0; i < inner; i++) {
        weights.add(group * inner + i);
      }
    }
    return weights;
  }

  /** The groups that give these weights to layers; empty if none do. */
  static Optional<SharedLayers> of(List<Integer> weights) {
    final int stored = 1 + weights.stream().mapToInt(Integer::intValue).max().orElse(-1);
    for (int inner = 1; inner <= stored; inner++) {
      if (stored % inner == 0 && weights.size() % inner == 0) {
        final SharedLayers shared = new SharedLayers(weights.size() / inner, stored / inner, inner);
        if (shared.weights().equals(weights)) {
          return Optional.of(shared);
        }
      }
    }
    return Optional.empty();
  }
}
