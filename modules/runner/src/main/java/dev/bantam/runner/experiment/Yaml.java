package dev.bantam.runner.experiment;

import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/** A value of a YAML file that knows where it was written. */
sealed interface Yaml {
  Position at();

  /** What this is, for a message: {@code the number 3}, {@code a list}. */
  String describe();

  /** The types of YAML 1.2's core schema. */
  enum Kind {
    TEXT,
    INTEGER,
    DECIMAL,
    FLAG,
    NOTHING;

    private static final Pattern NOTHINGS = Pattern.compile("null|Null|NULL|~|");
    private static final Pattern FLAGS = Pattern.compile("true|True|TRUE|false|False|FALSE");
    private static final Pattern INTEGERS = Pattern.compile("[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+");
    private static final Pattern DECIMALS =
        Pattern.compile(
            "[-+]?(\\.[0-9]+|[0-9]+(\\.[0-9]*)?)([eE][-+]?[0-9]+)?"
                + "|[-+]?\\.(inf|Inf|INF)|\\.(nan|NaN|NAN)");

    /** How an unquoted, untagged scalar is read (YAML 1.2.2, section 10.3.2). */
    static Kind ofPlain(String text) {
      if (NOTHINGS.matcher(text).matches()) {
        return NOTHING;
      }
      if (FLAGS.matcher(text).matches()) {
        return FLAG;
      }
      if (INTEGERS.matcher(text).matches()) {
        return INTEGER;
      }
      return DECIMALS.matcher(text).matches() ? DECIMAL : TEXT;
    }
  }

  /** A single value; {@code text} is what the user wrote, without quotes. */
  record Scalar(Position at, String text, Kind kind) implements Yaml {
    @Override
    public String describe() {
      return switch (kind) {
        case TEXT -> "the text '" + shortened() + "'";
        case INTEGER, DECIMAL -> "the number " + shortened();
        case FLAG -> text;
        case NOTHING -> "nothing";
      };
    }

    private String shortened() {
      return text.length() <= 60 ? text : text.substring(0, 57) + "...";
    }
  }

  record Sequence(Position at, List<Yaml> items) implements Yaml {
    public Sequence {
      items = List.copyOf(items);
    }

    @Override
    public String describe() {
      return "a list";
    }
  }

  record Mapping(Position at, List<Entry> entries) implements Yaml {
    public Mapping {
      entries = List.copyOf(entries);
    }

    @Override
    public String describe() {
      return "a mapping";
    }

    Optional<Yaml> get(String key) {
      return entries.stream().filter(e -> e.key().equals(key)).map(Entry::value).findFirst();
    }
  }

  /** A key, where it starts, and its value. */
  record Entry(String key, Position at, Yaml value) {}
}
