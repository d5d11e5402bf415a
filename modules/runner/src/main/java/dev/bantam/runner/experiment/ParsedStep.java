package dev.bantam.runner.experiment;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;

/**
 * One step of a variant or recipe.
 *
 * @param step what it does, such as {@code prune}
 * @param method how, such as {@code magnitude}
 * @param value the step itself, as the catalogue read it
 * @param settings everything read for it, defaults included
 */
public record ParsedStep<S>(String step, String method, S value, ResolvedValue.Mapping settings) {
  public ParsedStep {
    Objects.requireNonNull(step, "step");
    Objects.requireNonNull(method, "method");
    Objects.requireNonNull(value, "value");
    Objects.requireNonNull(settings, "settings");
  }

  /**
   * The step with another value, and with the settings that make it so.
   *
   * @param changed numbers by the keys of {@link #settings}; {@code a.b} is b in the mapping a
   */
  public ParsedStep<S> with(S other, Map<String, Integer> changed) {
    final Set<String> left = new TreeSet<>(changed.keySet());
    final ResolvedValue.Mapping all = changed("", settings, changed, left);
    if (!left.isEmpty()) {
      throw new IllegalArgumentException(step + " by " + method + " has no settings " + left);
    }
    return new ParsedStep<>(step, method, other, all);
  }

  private static ResolvedValue.Mapping changed(
      String prefix,
      ResolvedValue.Mapping mapping,
      Map<String, Integer> changed,
      Set<String> left) {
    final List<ResolvedValue.Entry> entries = new ArrayList<>();
    for (ResolvedValue.Entry e : mapping.entries()) {
      final String key = prefix + e.key();
      if (left.remove(key)) {
        entries.add(
            new ResolvedValue.Entry(
                e.key(), ResolvedValue.Number.of(changed.get(key).longValue())));
      } else if (e.value() instanceof ResolvedValue.Mapping below) {
        entries.add(new ResolvedValue.Entry(e.key(), changed(key + ".", below, changed, left)));
      } else {
        entries.add(e);
      }
    }
    return new ResolvedValue.Mapping(entries);
  }
}
