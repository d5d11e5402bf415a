package dev.bantam.reader;

import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/** The attributes of one tensor: texts, each of which has to be asked for. */
final class Attributes {
  /** Up to 18 digits, so that it fits into a long. */
  private static final Pattern COUNT = Pattern.compile("0|[1-9][0-9]{0,17}");

  private final Map<String, String> texts;
  private final Place place;
  private final Set<String> asked = new HashSet<>();

  Attributes(Map<String, String> texts, Place place) {
    this.texts = texts;
    this.place = place;
  }

  boolean has(String name) {
    return texts.containsKey(name);
  }

  String text(String name) throws PackedModelException {
    asked.add(name);
    final String text = texts.get(name);
    if (text == null) {
      throw place.refuse("the attribute '%s' is missing; there are %s", name, texts.keySet());
    }
    return text;
  }

  long integer(String name, long least, long most) throws PackedModelException {
    final String text = text(name);
    return within(name, count(name, text), least, most);
  }

  /** Integers separated by commas, each at least {@code least}. */
  long[] integers(String name, long least) throws PackedModelException {
    final String[] parts = text(name).split(",", -1);
    final long[] counts = new long[parts.length];
    for (int i = 0; i < parts.length; i++) {
      counts[i] = within(name, count(name, parts[i]), least, Long.MAX_VALUE);
    }
    return counts;
  }

  /** Refuses what was never asked for. */
  void checkAllKnown(Form form) throws PackedModelException {
    for (final String name : texts.keySet()) {
      if (!asked.contains(name)) {
        throw place.refuse("the form %s has no attribute '%s'", form.label(), name);
      }
    }
  }

  private long count(String name, String text) throws PackedModelException {
    if (!COUNT.matcher(text).matches()) {
      throw place.refuse("the attribute '%s' holds '%s' where an integer should be", name, text);
    }
    return Long.parseLong(text);
  }

  private long within(String name, long value, long least, long most) throws PackedModelException {
    if (value < least || value > most) {
      throw place.refuse(
          "the attribute '%s' is %d, and may be %s",
          name,
          value,
          most == Long.MAX_VALUE ? "no less than " + least : "from " + least + " to " + most);
    }
    return value;
  }
}
