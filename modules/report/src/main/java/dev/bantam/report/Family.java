package dev.bantam.report;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * The two halves of a variant's name: the method, and how far it goes.
 *
 * <p>{@code magnitude-layer-0.8} is {@code magnitude-layer} at {@code 0.8}; {@code rtn-int4} is
 * {@code rtn} at {@code int4}; {@code os-plus-w6a6-dynamic} is {@code os-plus-dynamic} at {@code
 * w6a6}; whole numbers are a level at the end only ({@code sign-1-1-1}).
 *
 * @param name the method; the variant's name if nothing of it is a level
 * @param level empty if there is none
 */
record Family(String name, String level) {
  private static final Pattern LEVEL =
      Pattern.compile("\\d*\\.\\d+|int\\d+|fp\\d+|w\\d+a\\d+|\\d+of\\d+");
  private static final Pattern WHOLE = Pattern.compile("\\d+");

  static Family of(String variant) {
    final List<String> tokens = List.of(variant.split("-"));
    int end = tokens.size();
    while (end > 0 && WHOLE.matcher(tokens.get(end - 1)).matches()) {
      end--;
    }
    final List<String> name = new ArrayList<>();
    final List<String> level = new ArrayList<>();
    for (int i = 0; i < tokens.size(); i++) {
      final boolean isLevel = i >= end || LEVEL.matcher(tokens.get(i)).matches();
      (isLevel ? level : name).add(tokens.get(i));
    }
    return name.isEmpty() || level.isEmpty()
        ? new Family(variant, "")
        : new Family(String.join("-", name), String.join("-", level));
  }
}
