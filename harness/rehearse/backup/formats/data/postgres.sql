--
-- PostgreSQL database dump
--

\restrict pUH4CSlQ7smcD3gkBLVoY6gI3KUgm3bf83HwrqXOa1CR2ky9F7FrHTBJnzm6mpc

-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: a; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.a (
    id integer,
    note text
);


ALTER TABLE public.a OWNER TO postgres;

--
-- Name: empty; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.empty (
    id integer
);


ALTER TABLE public.empty OWNER TO postgres;

--
-- Name: v; Type: VIEW; Schema: public; Owner: postgres
--

CREATE VIEW public.v AS
 SELECT a.id
   FROM public.a;


ALTER TABLE public.v OWNER TO postgres;

--
-- Name: 16397; Type: BLOB; Schema: -; Owner: postgres
--

SELECT pg_catalog.lo_create('16397');


ALTER LARGE OBJECT 16397 OWNER TO postgres;

--
-- Name: 16398; Type: BLOB; Schema: -; Owner: postgres
--

SELECT pg_catalog.lo_create('16398');


ALTER LARGE OBJECT 16398 OWNER TO postgres;

--
-- Data for Name: a; Type: TABLE DATA; Schema: public; Owner: postgres
--

COPY public.a (id, note) FROM stdin;
1	row 1 of a table
2	row 2 of a table
3	row 3 of a table
4	row 4 of a table
5	row 5 of a table
6	row 6 of a table
7	row 7 of a table
8	row 8 of a table
9	row 9 of a table
10	row 10 of a table
11	row 11 of a table
12	row 12 of a table
13	row 13 of a table
14	row 14 of a table
15	row 15 of a table
16	row 16 of a table
17	row 17 of a table
18	row 18 of a table
19	row 19 of a table
20	row 20 of a table
21	row 21 of a table
22	row 22 of a table
23	row 23 of a table
24	row 24 of a table
25	row 25 of a table
26	row 26 of a table
27	row 27 of a table
28	row 28 of a table
29	row 29 of a table
30	row 30 of a table
31	row 31 of a table
32	row 32 of a table
33	row 33 of a table
34	row 34 of a table
35	row 35 of a table
36	row 36 of a table
37	row 37 of a table
38	row 38 of a table
39	row 39 of a table
40	row 40 of a table
41	row 41 of a table
42	row 42 of a table
43	row 43 of a table
44	row 44 of a table
45	row 45 of a table
46	row 46 of a table
47	row 47 of a table
48	row 48 of a table
49	row 49 of a table
50	row 50 of a table
51	row 51 of a table
52	row 52 of a table
53	row 53 of a table
54	row 54 of a table
55	row 55 of a table
56	row 56 of a table
57	row 57 of a table
58	row 58 of a table
59	row 59 of a table
60	row 60 of a table
61	row 61 of a table
62	row 62 of a table
63	row 63 of a table
64	row 64 of a table
65	row 65 of a table
66	row 66 of a table
67	row 67 of a table
68	row 68 of a table
69	row 69 of a table
70	row 70 of a table
71	row 71 of a table
72	row 72 of a table
73	row 73 of a table
74	row 74 of a table
75	row 75 of a table
76	row 76 of a table
77	row 77 of a table
78	row 78 of a table
79	row 79 of a table
80	row 80 of a table
81	row 81 of a table
82	row 82 of a table
83	row 83 of a table
84	row 84 of a table
85	row 85 of a table
86	row 86 of a table
87	row 87 of a table
88	row 88 of a table
89	row 89 of a table
90	row 90 of a table
91	row 91 of a table
92	row 92 of a table
93	row 93 of a table
94	row 94 of a table
95	row 95 of a table
96	row 96 of a table
97	row 97 of a table
98	row 98 of a table
99	row 99 of a table
100	row 100 of a table
101	row 101 of a table
102	row 102 of a table
103	row 103 of a table
104	row 104 of a table
105	row 105 of a table
106	row 106 of a table
107	row 107 of a table
108	row 108 of a table
109	row 109 of a table
110	row 110 of a table
111	row 111 of a table
112	row 112 of a table
113	row 113 of a table
114	row 114 of a table
115	row 115 of a table
116	row 116 of a table
117	row 117 of a table
118	row 118 of a table
119	row 119 of a table
120	row 120 of a table
121	row 121 of a table
122	row 122 of a table
123	row 123 of a table
124	row 124 of a table
125	row 125 of a table
126	row 126 of a table
127	row 127 of a table
128	row 128 of a table
129	row 129 of a table
130	row 130 of a table
131	row 131 of a table
132	row 132 of a table
133	row 133 of a table
134	row 134 of a table
135	row 135 of a table
136	row 136 of a table
137	row 137 of a table
138	row 138 of a table
139	row 139 of a table
140	row 140 of a table
141	row 141 of a table
142	row 142 of a table
143	row 143 of a table
144	row 144 of a table
145	row 145 of a table
146	row 146 of a table
147	row 147 of a table
148	row 148 of a table
149	row 149 of a table
150	row 150 of a table
151	row 151 of a table
152	row 152 of a table
153	row 153 of a table
154	row 154 of a table
155	row 155 of a table
156	row 156 of a table
157	row 157 of a table
158	row 158 of a table
159	row 159 of a table
160	row 160 of a table
161	row 161 of a table
162	row 162 of a table
163	row 163 of a table
164	row 164 of a table
165	row 165 of a table
166	row 166 of a table
167	row 167 of a table
168	row 168 of a table
169	row 169 of a table
170	row 170 of a table
171	row 171 of a table
172	row 172 of a table
173	row 173 of a table
174	row 174 of a table
175	row 175 of a table
176	row 176 of a table
177	row 177 of a table
178	row 178 of a table
179	row 179 of a table
180	row 180 of a table
181	row 181 of a table
182	row 182 of a table
183	row 183 of a table
184	row 184 of a table
185	row 185 of a table
186	row 186 of a table
187	row 187 of a table
188	row 188 of a table
189	row 189 of a table
190	row 190 of a table
191	row 191 of a table
192	row 192 of a table
193	row 193 of a table
194	row 194 of a table
195	row 195 of a table
196	row 196 of a table
197	row 197 of a table
198	row 198 of a table
199	row 199 of a table
200	row 200 of a table
\.


--
-- Data for Name: empty; Type: TABLE DATA; Schema: public; Owner: postgres
--

COPY public.empty (id) FROM stdin;
\.


--
-- Data for Name: BLOBS; Type: BLOBS; Schema: -; Owner: -
--

BEGIN;

SELECT pg_catalog.lo_open('16397', 131072);
SELECT pg_catalog.lowrite(0, '\x6f6e65');
SELECT pg_catalog.lo_close(0);

SELECT pg_catalog.lo_open('16398', 131072);
SELECT pg_catalog.lowrite(0, '\x74776f');
SELECT pg_catalog.lo_close(0);

COMMIT;

--
-- PostgreSQL database dump complete
--

\unrestrict pUH4CSlQ7smcD3gkBLVoY6gI3KUgm3bf83HwrqXOa1CR2ky9F7FrHTBJnzm6mpc

