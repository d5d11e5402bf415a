package dev.bantam.data;

import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Entity spans of tags {@code O}, {@code B-TYPE} and {@code I-TYPE}, as the CoNLL shared tasks
 * count them (Tjong Kim Sang and De Meulder 2003): {@code B} begins a span, and so does an {@code
 * I} that follows {@code O} or another type, so that files which write {@code B} only between
 * neighbours of one type mean the same.
 */
final class Spans {
  static final String OUTSIDE = "O";
  private static final String BEGIN = "B-";
  private static final String INSIDE = "I-";

  private Spans() {}

  /**
   * Words of one entity.
   *
   * @param from first word
   * @param to word behind the last
   */
  record Span(int from, int to, String type) {}

  /** Whether a text is a tag. */
  static boolean isTag(String tag) {
    return tag.equals(OUTSIDE)
        || ((tag.startsWith(BEGIN) || tag.startsWith(INSIDE)) && tag.length() > BEGIN.length());
  }

  /** The spans of a sentence, none overlapping. */
  static Set<Span> of(List<String> tags) {
    final Set<Span> spans = new HashSet<>();
    int from = 0;
    String open = "";
    for (int i = 0; i <= tags.size(); i++) {
      final String tag = i < tags.size() ? tags.get(i) : OUTSIDE;
      final String type = tag.equals(OUTSIDE) ? "" : tag.substring(BEGIN.length());
      if (!type.equals(open) || tag.startsWith(BEGIN)) {
        if (!open.isEmpty()) {
          spans.add(new Span(from, i, open));
        }
        open = type;
        from = i;
      }
    }
    return spans;
  }
}
