package dev.bantam.runner.experiment;

/** Parts of file names as users write them, with either slash, on any system. */
final class FileNames {
  private FileNames() {}

  /** The last part: {@code a.tsv} of {@code data/a.tsv}, {@code sst} of {@code glue/sst/}. */
  static String last(String path) {
    int end = path.length();
    while (end > 1 && isSlash(path.charAt(end - 1))) {
      end--;
    }
    int start = end;
    while (start > 0 && !isSlash(path.charAt(start - 1))) {
      start--;
    }
    return start == end ? path : path.substring(start, end);
  }

  /** The last part without its extension. */
  static String stem(String path) {
    final String last = last(path);
    final int dot = last.lastIndexOf('.');
    return dot > 0 ? last.substring(0, dot) : last;
  }

  private static boolean isSlash(char c) {
    return c == '/' || c == '\\';
  }
}
