package dev.bantam.data;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/**
 * Examples cut into training file, dev and test by the hash of a key: {@code h(key) < 0.8} trains,
 * {@code < 0.9} is dev, the rest test, with {@code h} of {@link StableHash#fraction}. What shares a
 * key is in one split.
 */
final class HashedSplits {
  private static final double TRAIN_END = 0.8;
  private static final double DEV_END = 0.9;

  private final List<Example> train = new ArrayList<>();
  private final List<Example> dev = new ArrayList<>();
  private final List<Example> test = new ArrayList<>();

  /** Appends to the split of {@code key}. */
  void add(String key, Example example) {
    final double h = StableHash.fraction(key);
    (h < TRAIN_END ? train : h < DEV_END ? dev : test).add(example);
  }

  /** Sorts each split by {@code h(key)}; what has equal hashes keeps its order. */
  void sort(Function<Example, String> key) {
    for (List<Example> split : List.of(train, dev, test)) {
      final List<Example> sorted = StableHash.sorted(split, key);
      split.clear();
      split.addAll(sorted);
    }
  }

  boolean anyEmpty() {
    return train.isEmpty() || dev.isEmpty() || test.isEmpty();
  }

  int size() {
    return train.size() + dev.size() + test.size();
  }

  List<Example> train() {
    return train;
  }

  List<Example> dev() {
    return dev;
  }

  List<Example> test() {
    return test;
  }
}
