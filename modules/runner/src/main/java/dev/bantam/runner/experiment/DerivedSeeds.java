package dev.bantam.runner.experiment;

import java.util.List;

/** Compares the {@code derived-seeds} of a resolved file with what they must be. */
final class DerivedSeeds {
  private DerivedSeeds() {}

  static boolean agree(Yaml written, List<Long> seeds, int draws) {
    return equal(written, Seeds.resolved(seeds, draws));
  }

  private static boolean equal(Yaml written, ResolvedValue expected) {
    if (written instanceof Yaml.Scalar scalar) {
      return scalar.kind() == Yaml.Kind.INTEGER
          && expected instanceof ResolvedValue.Number number
          && scalar.text().equals(number.literal());
    }
    if (written instanceof Yaml.Sequence list) {
      return expected instanceof ResolvedValue.Sequence other
          && list.items().size() == other.items().size()
          && allEqual(list.items(), other.items());
    }
    final Yaml.Mapping mapping = (Yaml.Mapping) written;
    return expected instanceof ResolvedValue.Mapping other
        && mapping.entries().stream()
            .map(Yaml.Entry::key)
            .toList()
            .equals(other.entries().stream().map(ResolvedValue.Entry::key).toList())
        && allEqual(
            mapping.entries().stream().map(Yaml.Entry::value).toList(),
            other.entries().stream().map(ResolvedValue.Entry::value).toList());
  }

  private static boolean allEqual(List<Yaml> written, List<ResolvedValue> expected) {
    for (int i = 0; i < written.size(); i++) {
      if (!equal(written.get(i), expected.get(i))) {
        return false;
      }
    }
    return true;
  }
}
