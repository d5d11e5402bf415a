package dev.bantam.runner.experiment;

import java.util.Locale;
import java.util.regex.Pattern;

/** Writes values as YAML, one way only, so that equal values give equal bytes. */
final class YamlWriter {
  /** Texts that need no quotes anywhere, if they do not read as another type. */
  private static final Pattern SAFE = Pattern.compile("[A-Za-z][A-Za-z0-9_./+*-]*");

  private final StringBuilder out = new StringBuilder();

  private YamlWriter() {}

  static String write(ResolvedValue.Mapping mapping) {
    final YamlWriter writer = new YamlWriter();
    writer.mapping(mapping, 0);
    return writer.out.toString();
  }

  private void mapping(ResolvedValue.Mapping mapping, int indent) {
    for (ResolvedValue.Entry entry : mapping.entries()) {
      out.append(" ".repeat(indent));
      entry(entry, indent);
    }
  }

  private void entry(ResolvedValue.Entry entry, int indent) {
    out.append(quoted(entry.key())).append(':');
    if (isInline(entry.value())) {
      out.append(' ').append(inline(entry.value())).append('\n');
    } else if (entry.value() instanceof ResolvedValue.Mapping inner) {
      out.append('\n');
      mapping(inner, indent + 2);
    } else {
      out.append('\n');
      sequence((ResolvedValue.Sequence) entry.value(), indent + 2);
    }
  }

  private void sequence(ResolvedValue.Sequence sequence, int indent) {
    for (ResolvedValue item : sequence.items()) {
      out.append(" ".repeat(indent)).append("- ");
      if (item instanceof ResolvedValue.Mapping inner && !inner.entries().isEmpty()) {
        boolean first = true;
        for (ResolvedValue.Entry entry : inner.entries()) {
          out.append(first ? "" : " ".repeat(indent + 2));
          entry(entry, indent + 2);
          first = false;
        }
      } else {
        out.append(inline(item)).append('\n');
      }
    }
  }

  /** Single values, empty collections and lists of single values fit on their key's line. */
  private static boolean isInline(ResolvedValue value) {
    if (value instanceof ResolvedValue.Mapping mapping) {
      return mapping.entries().isEmpty();
    }
    return !(value instanceof ResolvedValue.Sequence sequence)
        || sequence.items().stream()
            .noneMatch(i -> i instanceof ResolvedValue.Mapping m && !m.entries().isEmpty());
  }

  private static String inline(ResolvedValue value) {
    if (value instanceof ResolvedValue.Text text) {
      return quoted(text.value());
    } else if (value instanceof ResolvedValue.Number number) {
      return number.literal();
    } else if (value instanceof ResolvedValue.Flag flag) {
      return Boolean.toString(flag.value());
    } else if (value instanceof ResolvedValue.Sequence sequence) {
      final StringBuilder list = new StringBuilder("[");
      for (ResolvedValue item : sequence.items()) {
        list.append(list.length() == 1 ? "" : ", ").append(inline(item));
      }
      return list.append(']').toString();
    }
    final StringBuilder mapping = new StringBuilder("{");
    for (ResolvedValue.Entry entry : ((ResolvedValue.Mapping) value).entries()) {
      mapping.append(mapping.length() == 1 ? "" : ", ");
      mapping.append(quoted(entry.key())).append(": ").append(inline(entry.value()));
    }
    return mapping.append('}').toString();
  }

  /** A text that reads back as itself: plain if that is safe, else in double quotes. */
  static String quoted(String text) {
    if (SAFE.matcher(text).matches() && Yaml.Kind.ofPlain(text) == Yaml.Kind.TEXT) {
      return text;
    }
    final StringBuilder quoted = new StringBuilder("\"");
    text.codePoints().forEach(c -> quoted.append(escaped(c)));
    return quoted.append('"').toString();
  }

  private static String escaped(int c) {
    if (c == '"' || c == '\\') {
      return "\\" + (char) c;
    }
    final boolean asIs =
        (c >= 0x20 && c <= 0x7E) || (c >= 0xA0 && c <= 0xD7FF && c != 0x2028 && c != 0x2029);
    if (asIs) {
      return Character.toString(c);
    }
    return String.format(Locale.ROOT, c <= 0xFFFF ? "\\u%04X" : "\\U%08X", c);
  }
}
