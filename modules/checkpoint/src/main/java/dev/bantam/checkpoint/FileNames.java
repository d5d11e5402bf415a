package dev.bantam.checkpoint;

/** Checks on file names that stand inside a file, before anything is opened under them. */
final class FileNames {
  private FileNames() {}

  /** Whether a name is one plain file name on every platform: no folder, no drive, no dots. */
  static boolean isPlain(String name) {
    if (name.isEmpty() || name.equals(".") || name.equals("..")) {
      return false;
    }
    return name.chars().noneMatch(c -> c == '/' || c == '\\' || c == ':' || c < ' ');
  }
}
