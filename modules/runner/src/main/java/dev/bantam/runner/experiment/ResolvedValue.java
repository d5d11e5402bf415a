package dev.bantam.runner.experiment;

import java.util.List;
import java.util.Objects;

/** A value of a resolved file: what was read, defaults included, in a normal form. */
public sealed interface ResolvedValue {
  record Text(String value) implements ResolvedValue {
    public Text {
      Objects.requireNonNull(value, "value");
    }
  }

  /** A number as it is written: {@code 3}, {@code 0.5}, {@code 1e-4}. */
  record Number(String literal) implements ResolvedValue {
    public Number {
      Objects.requireNonNull(literal, "literal");
    }

    static Number of(long value) {
      return new Number(Long.toString(value));
    }

    static Number of(double value) {
      return new Number(Decimals.shortest(value));
    }
  }

  record Flag(boolean value) implements ResolvedValue {}

  record Sequence(List<ResolvedValue> items) implements ResolvedValue {
    public Sequence {
      items = List.copyOf(items);
    }

    static Sequence ofTexts(List<String> texts) {
      return new Sequence(texts.stream().<ResolvedValue>map(Text::new).toList());
    }

    static Sequence ofIntegers(List<Long> numbers) {
      return new Sequence(numbers.stream().<ResolvedValue>map(Number::of).toList());
    }
  }

  record Mapping(List<Entry> entries) implements ResolvedValue {
    public Mapping {
      entries = List.copyOf(entries);
    }

    static Mapping of(Entry... entries) {
      return new Mapping(List.of(entries));
    }
  }

  /** A key of a mapping and its value. */
  record Entry(String key, ResolvedValue value) {
    public Entry {
      Objects.requireNonNull(key, "key");
      Objects.requireNonNull(value, "value");
    }
  }
}
