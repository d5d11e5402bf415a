package dev.bantam.report;

import java.awt.Font;
import java.awt.image.BufferedImage;
import java.util.Optional;
import java.util.function.BiFunction;

/**
 * The fonts of a chart: the logical sans serif one, measured by AWT for pictures and by a table for
 * SVG.
 */
enum ChartFonts {
  PICTURE((style, size) -> new Font(Font.SANS_SERIF, style, size)),
  TABLE(TableFont::new);

  private final BiFunction<Integer, Integer, Font> font;

  ChartFonts(BiFunction<Integer, Integer, Font> font) {
    this.font = font;
  }

  Font plain(int size) {
    return font.apply(Font.PLAIN, size);
  }

  Font bold(int size) {
    return font.apply(Font.BOLD, size);
  }

  /** Why this Java installation cannot draw text into pictures; empty if it can. */
  static Optional<String> pictureProblem() {
    try {
      final int width =
          new BufferedImage(1, 1, BufferedImage.TYPE_INT_RGB)
              .createGraphics()
              .getFontMetrics(PICTURE.plain(12))
              .stringWidth("M");
      return width > 0 ? Optional.empty() : Optional.of("its fonts are empty");
    } catch (RuntimeException | LinkageError | InternalError e) {
      // no fontconfig, no freetype or no fonts: each Java version fails in its own way
      Throwable root = e;
      while (root.getCause() != null) {
        root = root.getCause();
      }
      return Optional.of(root.getClass().getSimpleName() + ": " + root.getMessage());
    }
  }
}
