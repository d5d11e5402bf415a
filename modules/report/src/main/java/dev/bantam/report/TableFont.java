package dev.bantam.report;

import java.awt.Font;
import java.awt.FontMetrics;
import java.awt.font.FontRenderContext;
import java.awt.font.LineMetrics;
import java.awt.font.TextAttribute;
import java.awt.geom.Rectangle2D;
import java.text.AttributedCharacterIterator;
import java.text.CharacterIterator;
import java.util.Map;

/**
 * A sans serif font that is measured by a table of its own instead of through AWT.
 *
 * <p>Charts are laid out by it before they become SVG: a Java installation without fonts (a
 * headless one without fontconfig) can do that too, and every machine lays them out the same. The
 * widths are those of a wide face, so that what a browser puts in its place fits.
 */
final class TableFont extends Font {
  private static final long serialVersionUID = 1L;

  /** Hundredths of the font size, from the space to the tilde. */
  private static final int[] PLAIN = {
    32, 40, 46, 84, 64, 95, 78, 28, 39, 39, 50, 84, 32, 36, 32, 34, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 34, 34, 84, 84, 84, 53, 100, 68, 69, 70, 77, 63, 58, 78, 75, 30, 30, 66, 56, 86, 75, 79,
    60, 79, 70, 64, 61, 73, 68, 99, 69, 61, 69, 39, 34, 39, 84, 50, 50, 61, 64, 55, 64, 62, 35, 64,
    63, 28, 28, 58, 28, 97, 63, 61, 64, 64, 41, 52, 39, 63, 59, 82, 59, 59, 53, 64, 34, 64, 84
  };

  private static final double BOLD = 1.11;
  private static final double ASCENT = 0.93;
  private static final double DESCENT = 0.24;

  TableFont(int style, int size) {
    super(Font.SANS_SERIF, style, size);
  }

  private double width(char c) {
    final double hundredths;
    if (c >= ' ' && c <= '~') {
      hundredths = PLAIN[c - ' '];
    } else {
      hundredths = c < 0x2e80 ? 84 : 100; // signs and accented letters; ideographs
    }
    return hundredths / 100 * (isBold() ? BOLD : 1) * getSize();
  }

  private double width(CharSequence text) {
    double width = 0;
    for (int i = 0; i < text.length(); i++) {
      width += width(text.charAt(i));
    }
    return width;
  }

  FontMetrics metrics() {
    return new Metrics(this);
  }

  /** Would ask AWT for the physical font. */
  @Override
  public String getFamily() {
    return Font.SANS_SERIF;
  }

  /** Batik derives a font of a common size to look fonts up; that one must not ask AWT either. */
  @Override
  public Font deriveFont(Map<? extends AttributedCharacterIterator.Attribute, ?> attributes) {
    final Object size = attributes.get(TextAttribute.SIZE);
    return new TableFont(getStyle(), size instanceof Number n ? n.intValue() : getSize());
  }

  @Override
  public LineMetrics getLineMetrics(String text, FontRenderContext context) {
    return new Line(getSize(), text.length());
  }

  @Override
  public LineMetrics getLineMetrics(String text, int from, int to, FontRenderContext context) {
    return new Line(getSize(), to - from);
  }

  @Override
  public LineMetrics getLineMetrics(char[] text, int from, int to, FontRenderContext context) {
    return new Line(getSize(), to - from);
  }

  @Override
  public LineMetrics getLineMetrics(
      CharacterIterator text, int from, int to, FontRenderContext context) {
    return new Line(getSize(), to - from);
  }

  @Override
  public Rectangle2D getStringBounds(String text, FontRenderContext context) {
    return new Rectangle2D.Double(
        0, -ASCENT * getSize(), width(text), (ASCENT + DESCENT) * getSize());
  }

  /** Whole pixels, as AWT has it. */
  private static final class Metrics extends FontMetrics {
    private static final long serialVersionUID = 1L;

    private final TableFont measured;

    Metrics(TableFont font) {
      super(font);
      this.measured = font;
    }

    @Override
    public int getAscent() {
      return (int) Math.ceil(ASCENT * font.getSize());
    }

    @Override
    public int getDescent() {
      return (int) Math.ceil(DESCENT * font.getSize());
    }

    @Override
    public int charWidth(char c) {
      return (int) Math.rint(measured.width(c));
    }

    @Override
    public int stringWidth(String text) {
      return (int) Math.ceil(measured.width(text));
    }

    @Override
    public int charsWidth(char[] text, int from, int length) {
      return stringWidth(new String(text, from, length));
    }
  }

  /** Of one line; decorations are not used. */
  private static final class Line extends LineMetrics {
    private final float size;
    private final int chars;

    Line(float size, int chars) {
      this.size = size;
      this.chars = chars;
    }

    @Override
    public int getNumChars() {
      return chars;
    }

    @Override
    public float getAscent() {
      return (float) ASCENT * size;
    }

    @Override
    public float getDescent() {
      return (float) DESCENT * size;
    }

    @Override
    public float getLeading() {
      return 0;
    }

    @Override
    public float getHeight() {
      return (float) (ASCENT + DESCENT) * size;
    }

    @Override
    public int getBaselineIndex() {
      return ROMAN_BASELINE;
    }

    @Override
    public float[] getBaselineOffsets() {
      return new float[] {0, 0, 0};
    }

    @Override
    public float getStrikethroughOffset() {
      return -0.3f * size;
    }

    @Override
    public float getStrikethroughThickness() {
      return 0.05f * size;
    }

    @Override
    public float getUnderlineOffset() {
      return 0.1f * size;
    }

    @Override
    public float getUnderlineThickness() {
      return 0.05f * size;
    }
  }
}
