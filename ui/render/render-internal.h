/* ui/render/render-internal.h - shared by the renderers. */
#pragma once

#include "ui/render/render.h"

/* Makes room for cols x rows cells, content undefined, no cursor. */
void render_buffer_size(RenderBuffer *buffer, int cols, int rows);

/* Brightness of an XRGB colour, 0..255. */
guint render_luma(guint32 xrgb);
