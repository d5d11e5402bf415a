package dev.bantam.deltamerging;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * A parameter of a merge: a number, a gradient over the depth of the model, or a list of those with
 * filters, of which the first that matches a tensor's name counts. Flags are 1 and 0.
 *
 * @param rules at least one
 */
public record ParameterValue(List<Rule> rules) {
  /** The filter that matches every name. */
  public static final String ANY = "*";

  /**
   * A value for some tensors.
   *
   * @param filter a part of the tensor's name; empty for all tensors
   * @param gradient values at equal distances from the first layer to the last; one for a constant
   */
  public record Rule(Optional<String> filter, List<Double> gradient) {
    public Rule {
      gradient = List.copyOf(gradient);
      if (gradient.isEmpty() || !gradient.stream().allMatch(Double::isFinite)) {
        throw new IllegalArgumentException("A parameter needs finite values: " + gradient);
      }
    }

    private boolean matches(String tensor) {
      return filter.isEmpty() || filter.get().equals(ANY) || tensor.contains(filter.get());
    }

    private double at(double depth) {
      final double place = depth * (gradient.size() - 1);
      final int below = Math.min((int) place, gradient.size() - 1);
      final double rest = place - below;
      return rest == 0
          ? gradient.get(below)
          : (1 - rest) * gradient.get(below) + rest * gradient.get(below + 1);
    }
  }

  public ParameterValue {
    rules = List.copyOf(rules);
    if (rules.isEmpty()) {
      throw new IllegalArgumentException("A parameter needs a value");
    }
  }

  /** The same number everywhere. */
  public static ParameterValue of(double value) {
    return gradient(value);
  }

  /** Interpolated over the layers. */
  public static ParameterValue gradient(double... values) {
    return new ParameterValue(
        List.of(new Rule(Optional.empty(), Arrays.stream(values).boxed().toList())));
  }

  /**
   * The value for a tensor, if a rule matches.
   *
   * @param tensor its name
   * @param depth position of its layer, from 0 to 1
   */
  public OptionalDouble at(String tensor, double depth) {
    for (Rule rule : rules) {
      if (rule.matches(tensor)) {
        return OptionalDouble.of(rule.at(depth));
      }
    }
    return OptionalDouble.empty();
  }
}
